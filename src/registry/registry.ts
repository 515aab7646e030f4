import { type Clock, type Closeable, Fault, type Log, type Random } from '#kernel';
import type { EntryResource, ResourceKind, TrustDomainResource } from '#wire';
import type { AgentFilter } from './agent-filter.ts';
import type { AgentRecord, JoinToken } from './agent-record.ts';
import { type AgentChange, type AgentReceipts, Agents } from './agents.ts';
import { type ChangesByDomain, Commits, type Fill, fillWith, type Refusal } from './commits.ts';
import { type Committed, toCommitted } from './committed.ts';
import type { PlannedChange } from './draft.ts';
import { EntryExpiry } from './entry-expiry.ts';
import type { EntryFilter } from './entry-filter.ts';
import type { HeldEntry } from './entry-index.ts';
import { History, type PastResource } from './history.ts';
import { LiveEntries } from './live-entries.ts';
import { stateLog, trustDomainOf } from './log-names.ts';
import type { LogCommitted } from './log-revision.ts';
import { Logs } from './logs.ts';
import { ReceiptDelivery, type ReceiptOutlet } from './receipt-delivery.ts';
import { Retries } from './retries.ts';
import type { PendingReceipt, ResourceChange, Store, StoredResource, Use } from './store.ts';
import { StoreFollowing } from './store-following.ts';
import { UseTracker } from './use-tracker.ts';

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly receipts?: ReceiptOutlet;
  readonly log?: Log;
}

/** A resource of a kind, with the revision that wrote it. */
export interface Held<T> {
  readonly trustDomain: string;
  readonly kind: ResourceKind;
  readonly key: string;
  readonly body: T;
  readonly revision: number;
}

/** The state of all trust domains: indexes in memory over the store's change logs. Reads touch no store. */
export class Registry implements Closeable {
  readonly #logs: Logs;
  readonly #entries: LiveEntries;
  readonly #histories = new Map<string, History>();
  readonly #agents: Agents;
  readonly #uses: UseTracker;
  readonly #listeners = new Set<(committed: Committed) => void>();
  readonly #retries: Retries;
  readonly #delivery: ReceiptDelivery;
  readonly #commits: Commits;
  readonly #expiry: EntryExpiry;
  readonly #following: StoreFollowing;

  private constructor({ store, clock, random, receipts, log }: RegistryOptions, logs: Logs) {
    const outlet = receipts === undefined ? {} : { outlet: receipts };
    this.#logs = logs;
    this.#uses = new UseTracker(store, clock);
    const retries = new Retries(clock);
    this.#retries = retries;
    const delivery = new ReceiptDelivery({ ...outlet, store, logs, clock, retries });
    this.#delivery = delivery;
    this.#agents = new Agents({ logs, clock, random, delivered: (some) => delivery.deliver(some) });
    const entries = new LiveEntries(logs.held, clock);
    this.#entries = entries;
    this.#commits = new Commits({ ...outlet, logs, entries, delivery });
    this.#expiry = new EntryExpiry({ entries, clock, commit: (name, fill) => this.commit(name, fill, 'expiry') });
    for (const name of logs.held.names()) this.#histories.set(name, new History(logs.held.revision(name)));
    logs.held.onCommit((committed) => this.#take(committed));
    this.#following = new StoreFollowing({ store, logs, delivery, retries, ...(log === undefined ? {} : { log }) });
  }

  /** Reads everything, and hands on the receipts that a crash held back. */
  static async open(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(options, await Logs.open(options.store));
    await registry.#delivery.recover();
    return registry;
  }

  /** A store that is away holds nobody up: uses of the last minute are lost then, receipts are in the store. */
  async close(): Promise<void> {
    this.#retries.close();
    this.#following.close();
    this.#expiry.close();
    this.#delivery.close();
    await this.#uses.flush().catch(() => undefined);
    await this.#logs.flush().catch(() => undefined);
  }

  trustDomains(): readonly TrustDomainResource[] {
    return this.list<TrustDomainResource>('TrustDomain').map(({ body }) => body);
  }

  revision(trustDomain: string): number {
    return this.#logs.held.revision(stateLog(trustDomain));
  }

  /** What has changed since a revision, as it was then; undefined for one of which this server does not know. */
  changedSince(trustDomain: string, revision: number): readonly PastResource[] | undefined {
    return this.#histories.get(trustDomain)?.since(revision);
  }

  /** Resources of a kind, of one trust domain or of all. The caller names the shape that `#wire` gives for the kind. */
  list<T>(kind: ResourceKind, trustDomain?: string): readonly Held<T>[] {
    const found: Held<T>[] = [];
    for (const log of trustDomain === undefined ? this.#logs.held.names() : [stateLog(trustDomain)])
      for (const resource of this.#logs.held.list(log, kind))
        if (kind !== 'Entry' || this.#entries.isLive(resource.body as EntryResource))
          found.push(held<T>(kind, resource));
    return found;
  }

  find<T>(kind: ResourceKind, trustDomain: string, key: string): T | undefined {
    const body = this.#logs.held.find(stateLog(trustDomain), kind, key)?.body;
    if (kind === 'Entry' && body !== undefined && !this.#entries.isLive(body as EntryResource)) return undefined;
    return body as T | undefined;
  }

  /** Entries that live at this moment. */
  entries(trustDomain: string): readonly EntryResource[] {
    return this.list<EntryResource>('Entry', trustDomain).map(({ body }) => body);
  }

  entryCount(trustDomain: string): number {
    return this.#entries.indexOf(trustDomain)?.size ?? 0;
  }

  findEntry(trustDomain: string, id: string): HeldEntry | undefined {
    return this.#entries.find(trustDomain, id);
  }

  /** Live entries in order of id. */
  filterEntries(trustDomain: string, filter: EntryFilter): readonly HeldEntry[] {
    return this.#entries.filter(trustDomain, filter);
  }

  /** The live entry that gives the same identity under the same parent for the same selectors, if there is one. */
  findSameEntry(trustDomain: string, entry: EntryResource): HeldEntry | undefined {
    return this.#entries.findSame(trustDomain, entry);
  }

  /** Live entries that an agent may serve: the descendants, by parent, of its id and of every alias that it has. */
  entriesOfAgent(agent: AgentRecord): readonly HeldEntry[] {
    return this.#entries.ofAgent(agent);
  }

  /** One live entry, where the agent may serve it. Costs nothing of the agent's other entries. */
  findEntryOfAgent(agent: AgentRecord, id: string): HeldEntry | undefined {
    return this.#entries.findOfAgent(agent, id);
  }

  /** Ids under which an agent is known as a parent of entries. */
  aliasesOf(agent: AgentRecord): readonly string[] {
    return this.#entries.aliasesOf(agent);
  }

  /** True when entries hang below an id. */
  hasChildren(trustDomain: string, spiffeId: string): boolean {
    return this.#entries.indexOf(trustDomain)?.hasChildren(spiffeId) === true;
  }

  /** Every change that a commit of these changes would refuse, each with why. */
  refusals(changes: ChangesByDomain): readonly Refusal[] {
    return this.#commits.refusals(changes);
  }

  /** What a commit of these changes would do. Throws what `commit` throws; nothing is written. */
  plan(changes: ChangesByDomain): ReadonlyMap<string, readonly PlannedChange[]> {
    return this.#commits.plan(changes);
  }

  /**
   * Commits what differs from the present state, under one revision; nothing when nothing differs. A function is asked on the newest
   * state, again when another server was first. Throws `ENTRY_INVALID`, `FEDERATION_INVALID`, `REVOCATION_INVALID`,
   * `ALREADY_EXISTS`, `NOT_FOUND`.
   */
  async commit(trustDomain: string, changes: readonly ResourceChange[] | Fill, by = ''): Promise<Committed> {
    const fill = typeof changes === 'function' ? changes : fillWith(new Map([[trustDomain, changes]]));
    const [committed] = await this.#commits.commit([trustDomain], fill, by);
    return committed ?? { trustDomain, revision: this.revision(trustDomain), changes: [] };
  }

  /**
   * Commits changes of several trust domains in one transaction: all of them or none. Trust domains where nothing differs are left out. What the
   * changes were planned on is judged again on the newest state by `assertStands`, which throws.
   */
  commitAll(changes: ChangesByDomain, by = '', assertStands: Fill = () => {}): Promise<readonly Committed[]> {
    const fill = fillWith(changes);
    const judged: Fill = (draft) => {
      assertStands(draft);
      fill(draft);
    };
    return this.#commits.commit([...changes.keys()], judged, by);
  }

  /** Calls back after each revision, of this server and of others. Returns how to stop. */
  onCommit(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Notes that an entry or a federation served; written once a minute, under no revision. */
  touch(kind: Use['kind'], trustDomain: string, key: string): void {
    this.#uses.touch(kind, trustDomain, key);
  }

  /** When entries and federations served last. Asks the store: for reviews, not for requests. */
  uses(trustDomain: string): Promise<readonly Use[]> {
    return this.#uses.of(trustDomain);
  }

  findAgent(id: string): AgentRecord | undefined {
    return this.#agents.find(id);
  }

  /** In order of id. */
  agents(trustDomain: string, filter?: AgentFilter): readonly AgentRecord[] {
    return this.#agents.list(trustDomain, filter);
  }

  /**
   * Reads what other servers have written of a trust domain's agents: for a caller that is not known, or not by this certificate, and may
   * come from another server a moment ago.
   */
  followAgents(trustDomain: string): Promise<void> {
    return this.#agents.follow(trustDomain);
  }

  agentCount(trustDomain: string): number {
    return this.#agents.count(trustDomain);
  }

  putAgent(...admitted: Parameters<Agents['put']>): Promise<void> {
    return this.#agents.put(...admitted);
  }

  /** Decides on the agent's newest state; `undefined` evicts it. Throws `AGENT_NOT_ATTESTED`. */
  updateAgent(
    id: string,
    change: (agent: AgentRecord) => AgentRecord | undefined,
    receipts?: AgentReceipts,
  ): Promise<AgentRecord | undefined> {
    return this.#agents.update(id, change, receipts);
  }

  /** A banned agent keeps its record without a certificate, so that it cannot come back. Throws `AGENT_NOT_ATTESTED`. */
  async banAgent(id: string, receipts?: AgentReceipts): Promise<void> {
    await this.#agents.update(
      id,
      ({ previousSerial: _, ...agent }) => ({ ...agent, serial: '', banned: true }),
      receipts,
    );
  }

  /** Forgets an agent: it may attest again. Throws `AGENT_NOT_ATTESTED`. */
  async evictAgent(id: string, receipts?: AgentReceipts): Promise<void> {
    await this.#agents.update(id, () => undefined, receipts);
  }

  pruneAgents(...rule: Parameters<Agents['prune']>): Promise<readonly string[]> {
    return this.#agents.prune(...rule);
  }

  /** Calls back when an agent has attested, renewed, been banned or evicted. Returns how to stop. */
  onAgentChange(listener: (change: AgentChange) => void): () => void {
    return this.#agents.onChange(listener);
  }

  /** Throws `NOT_FOUND`, `ARGUMENT_INVALID`, and `ALREADY_EXISTS` for a token of the caller's choice that is taken. */
  async createJoinToken(
    trustDomain: string,
    ttlSeconds: number,
    alias: string | undefined,
    token?: string,
  ): Promise<JoinToken> {
    if (this.find('TrustDomain', trustDomain, trustDomain) === undefined)
      throw new Fault('NOT_FOUND', 'no such trust domain');
    return this.#agents.createJoinToken(trustDomain, ttlSeconds, alias, token);
  }

  /** Throws `AGENT_TOKEN_INVALID`. */
  peekJoinToken(trustDomain: string, token: string): Promise<JoinToken> {
    return this.#agents.peekJoinToken(trustDomain, token);
  }

  /** Uses the token and creates the agent in one transaction. Throws `AGENT_TOKEN_INVALID`. */
  redeemJoinToken(token: string, agent: AgentRecord, receipts?: AgentReceipts): Promise<void> {
    return this.#agents.redeemJoinToken(token, agent, receipts);
  }

  /** Writes receipts of no change, which go to the ledger as those of commits do, each id once. Throws `STORE_UNAVAILABLE`. */
  async record(receipts: readonly PendingReceipt[]): Promise<void> {
    await this.#logs.record(receipts);
    this.#delivery.recoverSoon();
  }

  /** Why the last commit could not be written; undefined when it could. */
  get fault(): Fault | undefined {
    return this.#logs.fault;
  }

  /** False while this server may serve what is out of date: it cannot hear of the others' writes, or could not read them. */
  isCurrent(): boolean {
    return this.#following.isCurrent();
  }

  #take(log: LogCommitted): void {
    const trustDomain = trustDomainOf(log.log);
    if (log.log !== stateLog(trustDomain)) return;
    this.#entries.take(log);
    this.#expiry.take(log);
    this.#historyOf(trustDomain).note(log);
    for (const listener of this.#listeners) listener(toCommitted(log));
  }

  #historyOf(trustDomain: string): History {
    let history = this.#histories.get(trustDomain);
    if (history === undefined) {
      history = new History(0);
      this.#histories.set(trustDomain, history);
    }
    return history;
  }
}

function held<T>(kind: ResourceKind, { log, key, body, revision }: StoredResource): Held<T> {
  return { trustDomain: trustDomainOf(log), kind, key, body: body as T, revision };
}
