import type { Process } from '#attestation';
import { Fault, LIMITS } from '#kernel';
import type { PeerCredentials } from '#rpc';
import type { Selector } from '#wire/gen/spire/api/types';
import type { Entitlement } from './entitlement.ts';
import type { AgentNode } from './node.ts';
import { processOf, startOf } from './process-of.ts';

/** Of whom a delegate asks: a workload that it describes itself, or a process of this node. */
export interface Subject {
  readonly selectors: readonly Selector[];
  readonly pid: number;
}

/** Throws `DELEGATE_NOT_AUTHORIZED` for a caller none of whose identities is an authorized delegate. */
export async function assertDelegate(
  node: AgentNode,
  caller: PeerCredentials,
  authorized: ReadonlySet<string>,
): Promise<void> {
  // No list, no delegate: nobody is attested for nothing.
  const entitled = authorized.size === 0 ? [] : await node.entitled(caller);
  if (!entitled.some(({ entry }) => authorized.has(entry.spiffeId)))
    throw new Fault('DELEGATE_NOT_AUTHORIZED', 'caller not configured as an authorized delegate');
}

/**
 * Looks again and again at what the subject may have. Selectors are taken at the delegate's word; a process is attested here, and is the
 * one that was asked for first. Entries that administer the server or its authorities are never given away.
 * Throws `ARGUMENT_INVALID`; later `NOT_FOUND` when the process has ended.
 */
export function lookAt(node: AgentNode, { selectors, pid }: Subject): () => Promise<readonly Entitlement[]> {
  if (selectors.length > 0 === (pid !== 0)) throw new Fault('ARGUMENT_INVALID', 'must provide either selectors or pid');
  if (pid !== 0) return lookAtProcess(node, pid);
  const seen = new Set(parseSelectors(selectors));
  return async () => ordinary(node.entitlements(seen));
}

function lookAtProcess(node: AgentNode, pid: number): () => Promise<readonly Entitlement[]> {
  // The start is read first: were the pid another's in between, its next look would tell.
  const started = startOf(pid);
  const process: Process = processOf(pid);
  return async () => {
    const seen = await node.selectors(process);
    // Asked after its attestation: while it lived its pid was its own.
    if (started === undefined || startOf(pid) !== started) throw new Fault('NOT_FOUND', 'no such process');
    return ordinary(node.entitlements(seen));
  };
}

function ordinary(entitled: readonly Entitlement[]): readonly Entitlement[] {
  return entitled.filter(({ entry }) => entry.admin !== true && entry.downstream !== true);
}

function parseSelectors(selectors: readonly Selector[]): readonly string[] {
  if (selectors.length > LIMITS.entrySelectors.value) throw new Fault('ARGUMENT_INVALID', 'too many selectors');
  return selectors.map(({ type, value }) => {
    if (type === '' || value === '' || type.includes(':'))
      throw new Fault('ARGUMENT_INVALID', 'a selector has a type without a colon, and a value');
    return `${type}:${value}`;
  });
}
