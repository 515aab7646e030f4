import type { Clock } from '#kernel';
import type { PeerCredentials } from '#rpc';
import type { AgentNode } from '../node.ts';
import type { Touched } from '../resources.ts';

/** What changes the identities of a caller: an entry that it matches, or any bundle. Of a thousand callers a new entry wakes one. */
export function ofIdentities(node: AgentNode, caller: PeerCredentials): (touched: Touched) => boolean {
  return (touched) => touched.kinds.has('Bundle') || node.concerns(caller, touched);
}

/** What changes what an enforcement point enforces: any resource that is no entry, and its own identities. */
export function ofEnforcement(node: AgentNode, caller: PeerCredentials): (touched: Touched) => boolean {
  return (touched) => [...touched.kinds].some((kind) => kind !== 'Entry') || node.concerns(caller, touched);
}

/**
 * Yields once at once, then after every change that concerns the caller and at the moments that `dueAt` names (half-lives), until the
 * signal ends it. Several changes while the consumer is busy count as one.
 */
export async function* changes(
  node: AgentNode,
  clock: Clock,
  dueAt: () => number | undefined,
  signal: AbortSignal,
  isConcerned: (touched: Touched) => boolean = () => true,
): AsyncGenerator<undefined> {
  let dirty = true;
  let wake = (): void => {};
  const stir = (): void => {
    dirty = true;
    wake();
  };
  const stop = node.onChange((touched) => {
    if (touched === undefined || isConcerned(touched)) stir();
  });
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
