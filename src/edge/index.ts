export { type EdgeConfig, parseEdgeConfig, readEdgeConfig } from './config.ts';
export type { EdgeWorkload } from './edge-workload.ts';
export { type EdgeOptions, type RunningEdge, startEdge } from './start-edge.ts';
