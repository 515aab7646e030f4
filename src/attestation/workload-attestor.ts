import type { Selector } from '#spiffe';

/** A process as the kernel named it at the other end of a socket. */
export interface Process {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Port: turns a process into selectors, by facts that the process cannot choose. Fails with a fault; then it says nothing. */
export interface WorkloadAttestor {
  readonly name: string;
  attest(process: Process, signal: AbortSignal): Promise<readonly Selector[]>;
}

/** All attestors at once; those that fail are left out, for fewer selectors match fewer entries. */
export async function attestProcess(
  attestors: readonly WorkloadAttestor[],
  process: Process,
  signal: AbortSignal,
): Promise<readonly Selector[]> {
  const results = await Promise.allSettled(attestors.map((attestor) => attestor.attest(process, signal)));
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}
