import type { PeerCredentials } from '#rpc';
import type { CallContext } from '#wire';
import { type Entitlement, firstExpiry } from '../entitlement.ts';
import type { AgentNode } from '../node.ts';
import type { Touched } from '../resources.ts';
import { changes, ofIdentities } from './changes.ts';

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
export function stated<T>(
  node: AgentNode,
  context: CallContext<PeerCredentials>,
  look: (entitled: readonly [Entitlement, ...Entitlement[]]) => Promise<State<T>> | State<T>,
): AsyncGenerator<T> {
  const lookAnew = async (): Promise<State<T>> => {
    const entitled = await node.entitled(context.caller);
    const state = await look(entitled);
    const due = Math.min(state.due ?? Number.POSITIVE_INFINITY, firstExpiry(entitled));
    return { ...state, due };
  };
  return followed(node, context.signal, lookAnew, ofIdentities(node, context.caller));
}

/** A stream of whole states: at once, then whenever what `look` sees has changed. Ends with what `look` throws. */
export async function* followed<T>(
  node: AgentNode,
  signal: AbortSignal,
  look: () => Promise<State<T>>,
  isConcerned?: (touched: Touched) => boolean,
): AsyncGenerator<T> {
  let seen: State<T> | undefined;
  const due = (): number | undefined => (Number.isFinite(seen?.due) ? seen?.due : undefined);
  for await (const _ of changes(node, node.options.clock, due, signal, isConcerned)) {
    const before: State<T> | undefined = seen;
    seen = await look();
    if (seen.fingerprint !== before?.fingerprint) yield seen.message;
  }
}
