import type { ResourceKind, WholeUpdate } from '#wire';
import type { Entitlement } from '../entitlement.ts';
import type { Membership } from '../membership.ts';
import type { AgentNode } from '../node.ts';
import type { Held } from '../resources.ts';

/** What a workload enforces in its own trust domains, and what it needs to know of those that its entries federate with. */
const OWN: readonly ResourceKind[] = [
  'TrustDomain',
  'Bundle',
  'Federation',
  'Service',
  'Minter',
  'AuthorizationPolicy',
  'CedarPolicy',
  'Revocation',
];
const FEDERATED: readonly ResourceKind[] = ['TrustDomain', 'Service', 'Minter', 'Revocation'];

/** What an enforcement point holds of one trust domain: bodies by kind and key, as they were sent. */
interface Sent {
  readonly caller: string;
  readonly revision: bigint;
  readonly held: ReadonlyMap<string, Held>;
}

/** What one enforcement point has been sent and has applied: says what it must be sent next. */
export class Watched {
  readonly #node: AgentNode;
  readonly #sent = new Map<string, Sent>();
  readonly #applied = new Map<string, bigint>();
  #caller: readonly string[] = [];

  constructor(node: AgentNode) {
    this.#node = node;
  }

  /** SPIFFE IDs of the enforcement point. */
  get caller(): readonly string[] {
    return this.#caller;
  }

  /** The newest revision of each trust domain that the enforcement point says it has applied. */
  get applied(): ReadonlyMap<string, bigint> {
    return this.#applied;
  }

  get followed(): ReadonlyMap<string, bigint> {
    return new Map([...this.#sent.keys()].map((name) => [name, this.#applied.get(name) ?? 0n]));
  }

  /** What was never sent cannot have been applied. */
  acknowledge(trustDomain: string, revision: bigint): void {
    const sent = this.#sent.get(trustDomain);
    if (sent !== undefined && revision <= sent.revision) this.#applied.set(trustDomain, revision);
  }

  /** What has changed for this caller: everything at first and when its identities change, an empty update for what concerns it no more. */
  next(entitled: readonly Entitlement[]): readonly WholeUpdate[] {
    this.#caller = entitled.map(({ entry }) => entry.spiffeId);
    const concerned = concerning(this.#node, entitled);
    const names = new Set([...concerned.keys()].map(({ name }) => name));
    const gone = [...this.#sent.keys()].filter((name) => !names.has(name)).map((name) => this.#emptied(name));
    const updates = [...concerned].flatMap(([membership, kinds]) => this.#update(membership, kinds) ?? []);
    return [...updates, ...gone];
  }

  #update({ name, resources }: Membership, kinds: readonly ResourceKind[]): WholeUpdate | undefined {
    const caller = `${this.#caller.join(' ')} ${kinds.join(' ')}`;
    const before = this.#sent.get(name);
    const held = new Map(resources.select(kinds).map((one) => [`${one.kind}\n${one.key}`, one]));
    this.#sent.set(name, { caller, revision: resources.revision, held });
    const full = before?.caller !== caller;
    const known = full ? undefined : before?.held;
    const upserts = [...held].filter(([key, { json }]) => known?.get(key)?.json !== json).map(([, one]) => one);
    const removals = [...(known ?? [])].filter(([key]) => !held.has(key)).map(([, { kind, key }]) => ({ kind, key }));
    if (!full && upserts.length === 0 && removals.length === 0) return undefined;
    return {
      trustDomain: name,
      revision: resources.revision,
      full,
      upserts: upserts.map(({ kind, key, json }) => ({ kind, key, bodyJson: json })),
      removals,
    };
  }

  #emptied(trustDomain: string): WholeUpdate {
    const revision = this.#sent.get(trustDomain)?.revision ?? 0n;
    this.#sent.delete(trustDomain);
    this.#applied.delete(trustDomain);
    return { trustDomain, revision, full: true, upserts: [], removals: [] };
  }
}

/** Trust domains of the caller's identities and of their federation, as far as this agent has heard of them. */
function concerning(
  node: AgentNode,
  entitled: readonly Entitlement[],
): ReadonlyMap<Membership, readonly ResourceKind[]> {
  const kinds = new Map<Membership, readonly ResourceKind[]>();
  const federated = new Set(entitled.flatMap(({ entry }) => entry.federatesWith ?? []));
  for (const membership of node.options.memberships)
    if (federated.has(membership.name) && membership.resources.revision > 0n) kinds.set(membership, FEDERATED);
  for (const { membership } of entitled) kinds.set(membership, OWN);
  return kinds;
}
