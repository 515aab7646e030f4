import { type AgentRecord, entriesOfAgent, type Registry } from '#registry';
import type { EntryResource, TrustDomainResource } from '#wire';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';

/** Kinds that every agent of a trust domain gets whole. */
const SHARED = ['TrustDomain', 'Service', 'Minter', 'AuthorizationPolicy', 'CedarPolicy', 'Revocation'] as const;

/** What one agent sees of its trust domain, as it was last sent to it; the next update holds the difference. */
export class AgentView {
  readonly #registry: Registry;
  readonly #agent: AgentRecord;
  #sent: ReadonlyMap<string, { readonly kind: string; readonly key: string; readonly json: string }> | undefined;

  constructor(registry: Registry, agent: AgentRecord) {
    this.#registry = registry;
    this.#agent = agent;
  }

  /** The first call gives everything; later calls give what changed, or undefined when nothing of it concerns this agent. */
  next(): ResourceUpdate | undefined {
    const before = this.#sent;
    const now = this.#read();
    this.#sent = now;
    const upserts = [...now]
      .filter(([id, one]) => before?.get(id)?.json !== one.json)
      .map(([, { kind, key, json }]) => ({ kind, key, bodyJson: json }));
    const removals = [...(before ?? [])].filter(([id]) => !now.has(id)).map(([, { kind, key }]) => ({ kind, key }));
    if (before !== undefined && upserts.length === 0 && removals.length === 0) return undefined;
    const { trustDomain } = this.#agent;
    return {
      trustDomain,
      revision: BigInt(this.#registry.revision(trustDomain)),
      full: before === undefined,
      upserts,
      removals,
    };
  }

  #read(): Map<string, { kind: string; key: string; json: string }> {
    const { trustDomain } = this.#agent;
    const seen = new Map<string, { kind: string; key: string; json: string }>();
    const put = (kind: string, key: string, body: unknown): void => {
      seen.set(`${kind}\n${key}`, { kind, key, json: JSON.stringify(body) });
    };
    for (const kind of SHARED)
      for (const { key, body } of this.#registry.list<unknown>(kind, trustDomain)) put(kind, key, body);
    const entries = this.#registry.list<EntryResource>('Entry', trustDomain).map(({ body }) => body);
    for (const entry of entriesOfAgent(this.#agent, entries)) put('Entry', entry.id, entry);
    const federated =
      this.#registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain)?.federatesWith ?? [];
    for (const name of [trustDomain, ...federated]) {
      const bundle = this.#registry.find('Bundle', name, name);
      if (bundle !== undefined) put('Bundle', name, bundle);
    }
    return seen;
  }
}
