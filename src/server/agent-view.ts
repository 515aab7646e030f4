import type { AgentRecord, Committed, CommittedChange, HeldEntry, PastResource, Registry } from '#registry';
import { type EntryResource, type ResourceKind, stateDigest, type TrustDomainResource, type WholeUpdate } from '#wire';
import { bodyJson, resourceOf } from './body-json.ts';

/** Kinds that every agent of a trust domain gets whole. */
const SHARED: readonly ResourceKind[] = [
  'TrustDomain',
  'Service',
  'Minter',
  'Federation',
  'AuthorizationPolicy',
  'CedarPolicy',
  'Revocation',
];

/** What an agent says that it holds. */
export interface Claim {
  readonly revision: bigint;
  /** `stateDigest` of it; empty: everything is to be sent. */
  readonly digest: Uint8Array;
}

/**
 * What one agent sees of its trust domain, as it was last sent to it. Commits say what may have changed; the next update holds what has.
 * A change of others' entries costs it nothing, one of its own costs what changed.
 */
export class AgentView {
  readonly #registry: Registry;
  readonly #agent: AgentRecord;
  readonly #stop: () => void;
  readonly #shared = new Map<string, { readonly kind: ResourceKind; readonly key: string }>();
  readonly #changedEntries = new Set<string>();
  readonly #entries = new Map<string, HeldEntry>();
  /** Parents whose entries are the agent's: ids under which it is known, and the ids of its entries, with how many of each. */
  #parents = new Map<string, number>();
  #bundles = new Map<string, unknown>();
  #full = true;
  #walk = true;
  #bundlesChanged = true;

  /** `changed` is called when `next` may have something to say. */
  constructor(registry: Registry, agent: AgentRecord, changed: () => void) {
    this.#registry = registry;
    this.#agent = agent;
    this.#stop = registry.onCommit((committed) => {
      if (this.#note(committed)) changed();
    });
  }

  close(): void {
    this.#stop();
  }

  /**
   * The first update, in place of `next`: what has changed since the revision that the agent holds, where this server knows what the agent had
   * to hold then and the digest proves that this is it; else everything. Other histories of the same revisions, such as a restored backup's,
   * other parents, lost updates: none of them has the digest.
   */
  first({ revision, digest }: Claim): WholeUpdate {
    const whole = this.next() ?? this.#empty(true);
    const past = this.#registry.changedSince(this.#agent.trustDomain, Number(revision));
    if (digest.length === 0 || past === undefined) return whole;
    const now = new Map(
      whole.upserts.map(({ kind, key, bodyJson }) => [placeOf(kind, key), { kind, key, json: bodyJson }]),
    );
    const then = new Map(now);
    for (const { kind, key, body } of past)
      if (this.#wasSeen(kind, body)) then.set(placeOf(kind, key), { kind, key, json: bodyJson(body) });
      else then.delete(placeOf(kind, key));
    if (!stateDigest(then.values()).equals(digest)) return whole;
    return {
      ...whole,
      full: false,
      upserts: whole.upserts.filter(({ kind, key, bodyJson }) => then.get(placeOf(kind, key))?.json !== bodyJson),
      removals: [...then].filter(([place]) => !now.has(place)).map(([, { kind, key }]) => ({ kind, key })),
    };
  }

  /** As far as it can be told by the parents of now: where it cannot, the digest is another. */
  #wasSeen(kind: PastResource['kind'], body: unknown): boolean {
    if (body === null) return false;
    return kind !== 'Entry' || this.#parents.has((body as EntryResource).parentId);
  }

  /** The first call gives everything; later calls give what changed, or undefined when nothing of it concerns this agent. */
  next(): WholeUpdate | undefined {
    const update = this.#empty(this.#full);
    if (this.#full) for (const kind of SHARED) for (const { key } of this.#list(kind)) this.#share(kind, key);
    this.#full = false;
    for (const { kind, key } of this.#shared.values()) put(update, kind, key, this.#find(kind, key));
    this.#shared.clear();
    this.#updateEntries(update);
    this.#updateBundles(update);
    const silent = !update.full && update.upserts.length === 0 && update.removals.length === 0;
    return silent ? undefined : update;
  }

  /** Takes note of what a commit may change here. False when it cannot. */
  #note({ trustDomain, changes }: Committed): boolean {
    let concerned = false;
    for (const change of changes) {
      if (change.kind === 'Bundle' || change.kind === 'TrustDomain') {
        this.#bundlesChanged = true;
        concerned = true;
      }
      if (trustDomain !== this.#agent.trustDomain) continue;
      if (change.kind === 'Entry') concerned = this.#noteEntry(change) || concerned;
      else if (SHARED.includes(change.kind)) {
        this.#share(change.kind, change.key);
        concerned = true;
      }
    }
    return concerned;
  }

  #noteEntry({ key, body, before }: CommittedChange): boolean {
    const [now, was] = [body as EntryResource | null, (before ?? null) as EntryResource | null];
    const server = `spiffe://${this.#agent.trustDomain}/spire/server`;
    const isNode = [now, was].some((entry) => entry?.parentId === server);
    // An entry that others hang below may bring or take them all along.
    const carries = [now, was].some((entry) => entry !== null && this.#isParent(entry.spiffeId));
    if (isNode || carries) this.#walk = true;
    else if (!this.#entries.has(key) && !this.#mayServe(now)) return false;
    this.#changedEntries.add(key);
    return true;
  }

  #isParent(spiffeId: string): boolean {
    return this.#registry.hasChildren(this.#agent.trustDomain, spiffeId);
  }

  /** Its parent is known, or may be by the changes that wait. */
  #mayServe(entry: EntryResource | null): boolean {
    return entry !== null && (this.#parents.has(entry.parentId) || this.#changedEntries.size > 0);
  }

  #updateEntries(update: WholeUpdate): void {
    if (this.#walk) this.#walkEntries(update);
    else for (const id of this.#changedEntries) this.#updateEntry(update, id);
    this.#changedEntries.clear();
    this.#walk = false;
  }

  #updateEntry(update: WholeUpdate, id: string): void {
    const found = this.#registry.findEntry(this.#agent.trustDomain, id);
    const now = found !== undefined && this.#parents.has(found.body.parentId) ? found : undefined;
    this.#set(update, id, now);
  }

  /** Everything below the agent again; what is as it was is not sent again. */
  #walkEntries(update: WholeUpdate): void {
    const now = new Map(this.#registry.entriesOfAgent(this.#agent).map((entry) => [entry.body.id, entry]));
    for (const id of [...this.#entries.keys()]) if (!now.has(id)) this.#set(update, id, undefined);
    for (const [id, entry] of now) this.#set(update, id, entry);
    this.#parents = new Map(this.#registry.aliasesOf(this.#agent).map((id) => [id, 1]));
    for (const { body } of this.#entries.values()) this.#count(body.spiffeId, 1);
  }

  #set(update: WholeUpdate, id: string, now: HeldEntry | undefined): void {
    const was = this.#entries.get(id);
    if (was === now) return;
    if (was !== undefined) this.#count(was.body.spiffeId, -1);
    if (now === undefined) this.#entries.delete(id);
    else {
      this.#entries.set(id, now);
      this.#count(now.body.spiffeId, 1);
    }
    put(update, 'Entry', id, now?.body);
  }

  #count(spiffeId: string, by: 1 | -1): void {
    const count = (this.#parents.get(spiffeId) ?? 0) + by;
    if (count > 0) this.#parents.set(spiffeId, count);
    else this.#parents.delete(spiffeId);
  }

  /** The own bundle, those of hosted trust domains that it federates with, and those that were fetched or set by hand. */
  #updateBundles(update: WholeUpdate): void {
    if (!this.#bundlesChanged) return;
    this.#bundlesChanged = false;
    const { trustDomain } = this.#agent;
    const now = new Map(this.#list('Bundle').map(({ key, body }) => [key, body]));
    for (const name of this.#find<TrustDomainResource>('TrustDomain', trustDomain)?.federatesWith ?? []) {
      const bundle = this.#registry.find('Bundle', name, name);
      if (bundle !== undefined) now.set(name, bundle);
    }
    for (const name of this.#bundles.keys()) if (!now.has(name)) put(update, 'Bundle', name, undefined);
    for (const [name, bundle] of now) if (this.#bundles.get(name) !== bundle) put(update, 'Bundle', name, bundle);
    this.#bundles = now;
  }

  #share(kind: ResourceKind, key: string): void {
    this.#shared.set(placeOf(kind, key), { kind, key });
  }

  #list(kind: ResourceKind) {
    return this.#registry.list<unknown>(kind, this.#agent.trustDomain);
  }

  #find<T>(kind: ResourceKind, key: string): T | undefined {
    return this.#registry.find<T>(kind, this.#agent.trustDomain, key);
  }

  #empty(full: boolean): WholeUpdate {
    const { trustDomain } = this.#agent;
    const revision = BigInt(this.#registry.revision(trustDomain));
    return { trustDomain, revision, full, upserts: [], removals: [] };
  }
}

function placeOf(kind: string, key: string): string {
  return `${kind}\n${key}`;
}

function put(update: WholeUpdate, kind: ResourceKind, key: string, body: unknown): void {
  if (body === undefined) update.removals.push({ kind, key });
  else update.upserts.push(resourceOf(kind, key, body));
}
