import { createHash } from 'node:crypto';
import type { ResourceKind } from '#wire';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';
import type { Membership } from '../membership.ts';
import type { AgentNode, Entitlement } from '../node.ts';

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

/** What one enforcement point has been sent: says what it must be sent next. */
export class Watched {
  readonly #node: AgentNode;
  readonly #sent = new Map<string, string>();
  #revisions = new Map<string, bigint>();

  constructor(node: AgentNode) {
    this.#node = node;
  }

  /** A full update for each trust domain that has changed for this caller; an empty one for each that no longer concerns it. */
  next(entitled: readonly Entitlement[]): readonly ResourceUpdate[] {
    const caller = entitled.map(({ entry }) => entry.spiffeId).join(' ');
    const concerned = concerning(this.#node, entitled);
    const updates = [...concerned].map(([membership, kinds]) => fullUpdate(membership, kinds));
    const names = new Set(updates.map(({ trustDomain }) => trustDomain));
    const gone = [...this.#sent.keys()].filter((name) => !names.has(name)).map((name) => this.#emptied(name));
    for (const { trustDomain, revision } of updates) this.#revisions.set(trustDomain, revision);
    return [...updates.filter((update) => this.#isNew(update, caller)), ...gone];
  }

  #isNew(update: ResourceUpdate, caller: string): boolean {
    const hash = createHash('sha256').update(caller);
    for (const { kind, key, bodyJson } of update.upserts) hash.update(`\n${kind}\n${key}\n${bodyJson}`);
    const digest = hash.digest('base64');
    if (this.#sent.get(update.trustDomain) === digest) return false;
    this.#sent.set(update.trustDomain, digest);
    return true;
  }

  #emptied(trustDomain: string): ResourceUpdate {
    this.#sent.delete(trustDomain);
    const revision = this.#revisions.get(trustDomain) ?? 0n;
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

function fullUpdate({ name, resources }: Membership, kinds: readonly ResourceKind[]): ResourceUpdate {
  return {
    trustDomain: name,
    revision: resources.revision,
    full: true,
    upserts: resources.select(kinds).map(({ kind, key, json }) => ({ kind, key, bodyJson: json })),
    removals: [],
  };
}
