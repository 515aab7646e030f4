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
  /** What `attest` says, of an attestor that waits for nothing; undefined: this one has to wait. */
  attestNow?(process: Process): readonly Selector[] | undefined;
}

/** What all attestors say when none has to wait; undefined when one has. Those that fail are left out. */
export function attestNow(attestors: readonly WorkloadAttestor[], process: Process): readonly Selector[] | undefined {
  const selectors: Selector[] = [];
  for (const attestor of attestors) {
    if (attestor.attestNow === undefined) return undefined;
    try {
      const said = attestor.attestNow(process);
      if (said === undefined) return undefined;
      selectors.push(...said);
    } catch {
      // Fewer selectors match fewer entries.
    }
  }
  return selectors;
}

/**
 * All attestors at once, within the signal's time; those that fail or are late are left out, for fewer selectors match fewer entries. An
 * attestor that ignores its signal holds up nobody.
 */
export async function attestProcess(
  attestors: readonly WorkloadAttestor[],
  process: Process,
  signal: AbortSignal,
): Promise<readonly Selector[]> {
  const results = await Promise.allSettled(
    attestors.map((attestor) => inTime(attestor.attest(process, signal), signal)),
  );
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

function inTime<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(signal.reason);
    if (signal.aborted) late();
    signal.addEventListener('abort', late, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}
