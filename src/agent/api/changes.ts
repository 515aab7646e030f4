import type { Clock } from '#kernel';
import type { AgentNode } from '../node.ts';

/**
 * Yields once at once, then after every change that could change an answer and at the moments that `dueAt` names (half-lives), until the
 * signal ends it. Several changes while the consumer is busy count as one.
 */
export async function* changes(
  node: AgentNode,
  clock: Clock,
  dueAt: () => number | undefined,
  signal: AbortSignal,
): AsyncGenerator<undefined> {
  let dirty = true;
  let wake = (): void => {};
  const stir = (): void => {
    dirty = true;
    wake();
  };
  const stop = node.onChange(stir);
  signal.addEventListener('abort', stir, { once: true });
  try {
    while (!signal.aborted) {
      if (dirty) {
        dirty = false;
        yield undefined;
        continue;
      }
      const due = dueAt();
      const timer = due === undefined ? undefined : clock.at(due, stir);
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (dirty) resolve();
      });
      timer?.cancel();
    }
  } finally {
    stop();
  }
}
