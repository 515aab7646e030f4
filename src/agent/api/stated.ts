import type { PeerCredentials } from '#rpc';
import type { CallContext } from '#wire';
import { type AgentNode, type Entitlement, firstExpiry } from '../node.ts';
import { changes } from './changes.ts';

export interface State<T> {
  readonly message: T;
  /** Equal texts: nothing has changed for the caller. */
  readonly fingerprint: string;
  /** When to look again though nothing is heard of; undefined: only then. */
  readonly due?: number;
  /** Kept alive for as long as the caller has it. */
  readonly holds?: unknown;
}

/** A stream of whole states of one caller: at once, then whenever the state has changed. Ends with what `node.entitled` throws. */
export async function* stated<T>(
  node: AgentNode,
  context: CallContext<PeerCredentials>,
  look: (entitled: readonly [Entitlement, ...Entitlement[]]) => Promise<State<T>> | State<T>,
): AsyncGenerator<T> {
  const held: { due: number | undefined; fingerprint: string | undefined; holds: unknown } = {
    due: undefined,
    fingerprint: undefined,
    holds: undefined,
  };
  for await (const _ of changes(node, node.options.clock, () => held.due, context.signal)) {
    const entitled = await node.entitled(context.caller);
    const { message, fingerprint, due, holds } = await look(entitled);
    held.due = Math.min(due ?? Number.POSITIVE_INFINITY, firstExpiry(entitled) ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(held.due)) held.due = undefined;
    held.holds = holds;
    if (fingerprint !== held.fingerprint) yield message;
    held.fingerprint = fingerprint;
  }
}
