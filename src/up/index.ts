export type { CheckContext, CheckedDenial, CheckedLink, CheckResult, Probe, ProbeResult } from './check-context.ts';
export { type CheckReport, chain, reportJson, reportOf, reportText } from './check-report.ts';
export { type Child, spawnChild } from './child.ts';
export { type AdminClient, connectAdmin, connectSupervisor, type SupervisorClient } from './control.ts';
export { readUpEnvironment, type UpEnvironment } from './environment.ts';
export { findLiveRunDirectories, runRoot } from './run-directory.ts';
export { firstScreen } from './screen.ts';
export { table } from './table.ts';
export { type RunningUp, startUp, type UpOptions } from './up.ts';
