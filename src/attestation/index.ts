export { attestProcess, type Process, type WorkloadAttestor } from './workload-attestor.ts';
