import { type Clock, Fault, type Random, randomBase64url } from '#kernel';
import { SpiffeId } from '#spiffe';
import type { EntryResource, ResourceKind, TrustDomainResource } from '#wire';
import { RESOURCE_KINDS } from '#wire';
import { validateEntry } from './entry.ts';
import type { AgentRecord, Change, JoinToken, LoggedChange, Store, StoredResource } from './store.ts';

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

/** One committed revision of a trust domain. */
export interface Committed {
  readonly trustDomain: string;
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** The state of all trust domains: indexes in memory over the store's change log. Reads touch no store. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #resources = new Map<string, StoredResource>();
  readonly #revisions = new Map<string, number>();
  readonly #agents = new Map<string, AgentRecord>();
  readonly #listeners = new Set<(committed: Committed) => void>();

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  static async open(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(options);
    for (const resource of await options.store.load()) registry.#resources.set(indexKey(resource), resource);
    for (const [name, revision] of await options.store.revisions()) {
      registry.#revisions.set(name, revision);
      for (const agent of await options.store.agents(name)) registry.#agents.set(agent.id, agent);
    }
    return registry;
  }

  trustDomains(): readonly TrustDomainResource[] {
    return this.list<TrustDomainResource>('TrustDomain').map(({ body }) => body);
  }

  revision(trustDomain: string): number {
    return this.#revisions.get(trustDomain) ?? 0;
  }

  /** Resources of a kind, of one trust domain or of all. The caller names the shape that `#wire` gives for the kind. */
  list<T>(kind: ResourceKind, trustDomain?: string): readonly (Omit<StoredResource, 'body'> & { readonly body: T })[] {
    const found: (Omit<StoredResource, 'body'> & { readonly body: T })[] = [];
    for (const resource of this.#resources.values()) {
      if (resource.kind === kind && (trustDomain === undefined || resource.trustDomain === trustDomain)) {
        // What was committed was validated by kind on its way in.
        found.push({ ...resource, body: resource.body as T });
      }
    }
    return found;
  }

  find<T>(kind: ResourceKind, trustDomain: string, key: string): T | undefined {
    return this.#resources.get(indexKey({ trustDomain, kind, key }))?.body as T | undefined;
  }

  entries(trustDomain: string): readonly EntryResource[] {
    return this.list<EntryResource>('Entry', trustDomain).map(({ body }) => body);
  }

  /** Commits what differs from the present state, under one revision; nothing when nothing differs. Throws `ENTRY_INVALID`, `NOT_FOUND`. */
  async commit(trustDomain: string, changes: readonly Change[]): Promise<Committed> {
    const real = changes.filter((change) => this.#differs(trustDomain, change));
    if (real.length === 0) return { trustDomain, revision: this.revision(trustDomain), changes: [] };
    for (const change of real) this.#validate(trustDomain, change);
    const revision = await this.#options.store.commit(trustDomain, real);
    this.#revisions.set(trustDomain, revision);
    for (const change of real) {
      const resource = { trustDomain, kind: change.kind, key: change.key, body: change.body, revision };
      if (change.body === null) this.#resources.delete(indexKey(resource));
      else this.#resources.set(indexKey(resource), resource);
    }
    const committed = { trustDomain, revision, changes: real };
    for (const listener of this.#listeners) listener(committed);
    return committed;
  }

  /** Calls back after each commit. Returns how to stop. */
  onCommit(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changesSince(trustDomain: string, revision: number): Promise<readonly LoggedChange[]> {
    return this.#options.store.changesSince(trustDomain, revision);
  }

  async createJoinToken(trustDomain: string, ttlSeconds: number, alias: string | undefined): Promise<JoinToken> {
    if (this.find('TrustDomain', trustDomain, trustDomain) === undefined)
      throw new Fault('NOT_FOUND', 'no such trust domain');
    if (alias !== undefined && SpiffeId.parse(alias).trustDomain !== trustDomain) {
      throw new Fault('ARGUMENT_INVALID', 'the alias of an agent is an id of its own trust domain');
    }
    const { clock, random, store } = this.#options;
    const expiresAt = clock.now() + ttlSeconds * 1000;
    const token: JoinToken = {
      token: randomBase64url(random, 24),
      trustDomain,
      expiresAt,
      ...(alias === undefined ? {} : { alias }),
    };
    await store.addJoinToken(token);
    return token;
  }

  /** Throws `AGENT_TOKEN_INVALID`. */
  async peekJoinToken(trustDomain: string, token: string): Promise<JoinToken> {
    const found = await this.#options.store.findJoinToken(token, this.#options.clock.now());
    if (found === undefined || found.trustDomain !== trustDomain) throw tokenFault();
    return found;
  }

  /** Uses the token and creates the agent in one transaction. Throws `AGENT_TOKEN_INVALID`. */
  async redeemJoinToken(token: string, agent: AgentRecord): Promise<void> {
    if (!(await this.#options.store.redeemJoinToken(token, this.#options.clock.now(), agent))) throw tokenFault();
    this.#agents.set(agent.id, agent);
  }

  findAgent(id: string): AgentRecord | undefined {
    return this.#agents.get(id);
  }

  agents(trustDomain: string): readonly AgentRecord[] {
    return [...this.#agents.values()].filter((agent) => agent.trustDomain === trustDomain);
  }

  async putAgent(agent: AgentRecord): Promise<void> {
    await this.#options.store.putAgent(agent);
    this.#agents.set(agent.id, agent);
  }

  #differs(trustDomain: string, change: Change): boolean {
    const present = this.#resources.get(indexKey({ trustDomain, ...change }));
    if (change.body === null && present === undefined)
      throw new Fault('NOT_FOUND', `no ${change.kind} of this key in the trust domain`);
    return present === undefined || JSON.stringify(present.body) !== JSON.stringify(change.body);
  }

  #validate(trustDomain: string, change: Change): void {
    if (!RESOURCE_KINDS.includes(change.kind)) throw new Fault('ARGUMENT_INVALID', 'no such kind of resource');
    if (change.kind !== 'Entry' || change.body === null) return;
    const userPath = this.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain)?.userPath ?? '/user/';
    validateEntry(trustDomain, userPath, change.body);
  }
}

function indexKey(resource: { readonly trustDomain: string; readonly kind: string; readonly key: string }): string {
  return `${resource.trustDomain}\n${resource.kind}\n${resource.key}`;
}

function tokenFault(): Fault {
  return new Fault('AGENT_TOKEN_INVALID', 'the join token does not exist, has expired or was used');
}
