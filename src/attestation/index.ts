export type { AttestedNode, NodeAttestor, NodeEvidence } from './node-attestor.ts';
export { attestProcess, type Process, type WorkloadAttestor } from './workload-attestor.ts';
