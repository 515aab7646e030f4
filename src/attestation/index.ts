export { containerOf, parseCgroups, podOf, systemdUnitOf } from './cgroup.ts';
export { bytesOf, malformed, readEvidence, refused, textField } from './evidence-json.ts';
export { type NearEntry, nearestEntries } from './nearest-entries.ts';
export { nodeAttestorContract } from './node-attestor.contract.ts';
export type { AttestedNode, NodeAttestor, NodeEvidence, NodeEvidenceSource } from './node-attestor.ts';
export { attestNow, attestProcess, type Process, type WorkloadAttestor } from './workload-attestor.ts';
