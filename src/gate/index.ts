export type { DatabaseConfig } from './database-address.ts';
export { type GateDocument, parseGateDocument } from './gate-document.ts';
export type { GateWorkload, TxnContext } from './gate-workload.ts';
export { type GateOptions, type RunningGate, startGate } from './start-gate.ts';
