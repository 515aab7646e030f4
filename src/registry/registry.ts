import { type Clock, type Closeable, Fault, isFault, type Log, type Random, type Scheduled } from '#kernel';
import type { EntryResource, ResourceKind, TrustDomainResource } from '#wire';
import type { AgentFilter } from './agent-filter.ts';
import type { AgentRecord, JoinToken } from './agent-record.ts';
import { type AgentChange, type AgentReceipts, Agents } from './agents.ts';
import { Draft, type PlannedChange } from './draft.ts';
import { isLive } from './entry.ts';
import { type EntryFilter, filterEntries } from './entry-filter.ts';
import { EntryIndex, type HeldEntry } from './entry-index.ts';
import { History, type PastResource } from './history.ts';
import { stateLog, trustDomainOf } from './log-names.ts';
import { type LogCommitted, Logs } from './logs.ts';
import type { PendingReceipt, ResourceChange, Store, StoredResource, Use } from './store.ts';
import { UseTracker } from './use-tracker.ts';

/** Where receipts of commits go: they are written with the commit, and handed on until the ledger has taken them. */
export interface ReceiptOutlet {
  describe(committed: Committed, by: string): readonly PendingReceipt[];
  /** Appends receipts to the ledger, whatever of them it has already. */
  deliver(receipts: readonly PendingReceipt[]): Promise<void>;
}

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly receipts?: ReceiptOutlet;
  readonly log?: Log;
}

/** One committed revision of a trust domain. */
export interface Committed {
  readonly trustDomain: string;
  readonly revision: number;
  readonly changes: readonly CommittedChange[];
}

/** Listeners are told what stood there before; `verb` is known of this server's own commits. */
export interface CommittedChange extends ResourceChange {
  readonly verb?: PlannedChange['verb'];
  readonly before?: unknown;
}

/** A resource of a kind, with the revision that wrote it. */
export interface Held<T> {
  readonly trustDomain: string;
  readonly kind: ResourceKind;
  readonly key: string;
  readonly body: T;
  readonly revision: number;
}

/** A change that cannot be made. */
export interface Refusal {
  readonly trustDomain: string;
  readonly change: ResourceChange;
  readonly fault: Fault;
}

type Fill = (draft: Draft) => void;

const RECOVER_AT_ONCE = 500;
const PRUNE_AT_ONCE = 500;

/** The state of all trust domains: indexes in memory over the store's change logs. Reads touch no store. */
export class Registry implements Closeable {
  readonly #options: RegistryOptions;
  readonly #logs: Logs;
  readonly #entries = new Map<string, EntryIndex>();
  readonly #histories = new Map<string, History>();
  readonly #agents: Agents;
  readonly #uses: UseTracker;
  readonly #listeners = new Set<(committed: Committed) => void>();
  readonly #stopWatching: () => void;
  readonly #unread = new Set<string>();
  #closed = false;
  #recovering = false;
  #look: Scheduled | undefined;
  #undelivered: readonly PendingReceipt[] = [];
  #expiry: { readonly at: number; readonly timer: Scheduled } | undefined;

  private constructor(options: RegistryOptions, logs: Logs) {
    this.#options = options;
    this.#logs = logs;
    this.#uses = new UseTracker(options.store, options.clock);
    const { clock, random } = options;
    this.#agents = new Agents({ logs, clock, random, delivered: (receipts) => this.#deliver(receipts) });
    for (const log of logs.names()) {
      for (const entry of logs.list(log, 'Entry')) this.#index(entry);
      this.#histories.set(log, new History(logs.revision(log)));
    }
    logs.onCommit((committed) => this.#take(committed));
    logs.onDoubt((names) => {
      for (const name of names) this.#follow(name);
      this.#recoverSoon();
    });
    this.#stopWatching = options.store.watch((log, revision) => this.#follow(log, revision));
  }

  /** Reads everything, and hands on the receipts that a crash held back. */
  static async open(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(options, await Logs.open(options.store));
    await registry.#recover();
    return registry;
  }

  /** A store that is away holds nobody up: uses of the last minute are lost then, receipts are in the store. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWatching();
    this.#expiry?.timer.cancel();
    this.#look?.cancel();
    await this.#uses.flush().catch(() => undefined);
    await this.#logs.flush().catch(() => undefined);
  }

  trustDomains(): readonly TrustDomainResource[] {
    return this.list<TrustDomainResource>('TrustDomain').map(({ body }) => body);
  }

  revision(trustDomain: string): number {
    return this.#logs.revision(stateLog(trustDomain));
  }

  /** What has changed since a revision, as it was then; undefined for one of which this server does not know. */
  changedSince(trustDomain: string, revision: number): readonly PastResource[] | undefined {
    return this.#histories.get(trustDomain)?.since(revision);
  }

  /** Resources of a kind, of one trust domain or of all. The caller names the shape that `#wire` gives for the kind. */
  list<T>(kind: ResourceKind, trustDomain?: string): readonly Held<T>[] {
    const found: Held<T>[] = [];
    for (const log of trustDomain === undefined ? this.#logs.names() : [stateLog(trustDomain)])
      for (const resource of this.#logs.list(log, kind))
        if (kind !== 'Entry' || this.#isLive(resource.body as EntryResource)) found.push(held<T>(kind, resource));
    return found;
  }

  find<T>(kind: ResourceKind, trustDomain: string, key: string): T | undefined {
    const body = this.#logs.find(stateLog(trustDomain), kind, key)?.body;
    if (kind === 'Entry' && body !== undefined && !this.#isLive(body as EntryResource)) return undefined;
    return body as T | undefined;
  }

  /** Entries that live at this moment. */
  entries(trustDomain: string): readonly EntryResource[] {
    return this.list<EntryResource>('Entry', trustDomain).map(({ body }) => body);
  }

  entryCount(trustDomain: string): number {
    return this.#entries.get(trustDomain)?.size ?? 0;
  }

  findEntry(trustDomain: string, id: string): HeldEntry | undefined {
    const entry = this.#entries.get(trustDomain)?.find(id);
    return entry !== undefined && this.#isLive(entry.body) ? entry : undefined;
  }

  /** Live entries in order of id. */
  filterEntries(trustDomain: string, filter: EntryFilter): readonly HeldEntry[] {
    const index = this.#entries.get(trustDomain);
    return index === undefined ? [] : filterEntries(index, filter).filter(({ body }) => this.#isLive(body));
  }

  /** The live entry that gives the same identity under the same parent for the same selectors, if there is one. */
  findSameEntry(trustDomain: string, entry: EntryResource): HeldEntry | undefined {
    const same = this.#entries.get(trustDomain)?.findSame(entry, this.#nowSeconds());
    return same === undefined ? undefined : this.findEntry(trustDomain, same.id);
  }

  /** Live entries that an agent may serve: the descendants, by parent, of its id and of every alias that it has. */
  entriesOfAgent(agent: AgentRecord): readonly HeldEntry[] {
    return this.#entries.get(agent.trustDomain)?.ofAgent(agent, this.#nowSeconds()) ?? [];
  }

  /** One live entry, where the agent may serve it. Costs nothing of the agent's other entries. */
  findEntryOfAgent(agent: AgentRecord, id: string): HeldEntry | undefined {
    return this.#entries.get(agent.trustDomain)?.findOfAgent(agent, id, this.#nowSeconds());
  }

  /** Ids under which an agent is known as a parent of entries. */
  aliasesOf(agent: AgentRecord): readonly string[] {
    // A trust domain without entries has no index yet, and its agents have their aliases all the same.
    const index = this.#entries.get(agent.trustDomain) ?? new EntryIndex(agent.trustDomain);
    return index.aliases(agent, this.#nowSeconds());
  }

  /** True when entries hang below an id. */
  hasChildren(trustDomain: string, spiffeId: string): boolean {
    return this.#entries.get(trustDomain)?.hasChildren(spiffeId) === true;
  }

  /** Every change that a commit of these changes would refuse, each with why. */
  refusals(changes: ReadonlyMap<string, readonly ResourceChange[]>): readonly Refusal[] {
    const draft = this.#draft(() => {});
    const refused: Refusal[] = [];
    const judge = (of: (trustDomain: string, change: ResourceChange) => void): void => {
      for (const [trustDomain, some] of changes)
        for (const change of some) {
          try {
            of(trustDomain, change);
          } catch (error) {
            if (!isFault(error)) throw error;
            refused.push({ trustDomain, change, fault: error });
          }
        }
    };
    judge((trustDomain, change) => draft.add(trustDomain, change));
    judge((trustDomain, change) => draft.assertKnown(trustDomain, change));
    return refused;
  }

  /** What a commit of these changes would do. Throws what `commit` throws; nothing is written. */
  plan(changes: ReadonlyMap<string, readonly ResourceChange[]>): ReadonlyMap<string, readonly PlannedChange[]> {
    const draft = this.#draft(fillWith(changes));
    return new Map([...changes.keys()].map((name) => [name, draft.changes(name)]));
  }

  /**
   * Commits what differs from the present state, under one revision; nothing when nothing differs. A function is asked on the newest
   * state, again when another server was first. Throws `ENTRY_INVALID`, `FEDERATION_INVALID`, `REVOCATION_INVALID`,
   * `ALREADY_EXISTS`, `NOT_FOUND`.
   */
  async commit(trustDomain: string, changes: readonly ResourceChange[] | Fill, by = ''): Promise<Committed> {
    const fill = typeof changes === 'function' ? changes : fillWith(new Map([[trustDomain, changes]]));
    const [committed] = await this.#commit([trustDomain], fill, by);
    return committed ?? { trustDomain, revision: this.revision(trustDomain), changes: [] };
  }

  /**
   * Commits changes of several trust domains in one transaction: all of them or none. Trust domains where nothing differs are left out. What the
   * changes were planned on is judged again on the newest state by `assertStands`, which throws.
   */
  commitAll(
    changes: ReadonlyMap<string, readonly ResourceChange[]>,
    by = '',
    assertStands: Fill = () => {},
  ): Promise<readonly Committed[]> {
    const fill = fillWith(changes);
    const judged: Fill = (draft) => {
      assertStands(draft);
      fill(draft);
    };
    return this.#commit([...changes.keys()], judged, by);
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

  async #commit(names: readonly string[], fill: Fill, by: string): Promise<readonly Committed[]> {
    const { committed, receipts } = await this.#logs.commit(names.map(stateLog), () => {
      const draft = this.#draft(fill);
      return {
        changes: new Map(names.map((name) => [stateLog(name), draft.changes(name)])),
        receipts: (logs) => logs.flatMap((one) => this.#options.receipts?.describe(toCommitted(one), by) ?? []),
      };
    });
    await this.#deliver(receipts);
    return committed.map(toCommitted);
  }

  /** Writes receipts of no change, which go to the ledger as those of commits do, each id once. Throws `STORE_UNAVAILABLE`. */
  async record(receipts: readonly PendingReceipt[]): Promise<void> {
    await this.#logs.record(receipts);
    this.#recoverSoon();
  }

  /** Why the last commit could not be written; undefined when it could. */
  get fault(): Fault | undefined {
    return this.#logs.fault;
  }

  /** Another server has written, or may have. What cannot be read now is read again soon: nobody tells of it twice. */
  #follow(log: string | undefined, revision = Number.POSITIVE_INFINITY): void {
    if (log === undefined) {
      for (const name of this.#logs.names()) this.#follow(name);
      this.#recoverSoon();
    } else if (this.#logs.revision(log) < revision) {
      this.#lookLater();
      this.#logs.follow(log).then(
        () => this.#unread.delete(log),
        (error) => {
          // Told once, until it can be read again: what this server serves is out of date meanwhile.
          if (!this.#unread.has(log))
            this.#options.log?.error('what another server wrote cannot be read', { log, error });
          this.#unread.add(log);
          this.#again(() => this.#follow(log, revision));
        },
      );
    }
  }

  /**
   * The server that wrote may be killed before the ledger has its receipts: whoever has heard of its commit looks once, a while later, and
   * hands on what is left. While nobody writes, nobody looks.
   */
  #lookLater(): void {
    if (this.#options.receipts === undefined || this.#closed) return;
    this.#look ??= this.#options.clock.after(LOOK_MILLIS, () => {
      this.#look = undefined;
      this.#recoverSoon();
    });
  }

  /** False while this server may serve what is out of date: it cannot hear of the others' writes, or could not read them. */
  isCurrent(): boolean {
    return this.#unread.size === 0 && this.#options.store.follows();
  }

  /** The store may hold receipts that the ledger did not take, and those of commits whose answer never came. */
  #recoverSoon(): void {
    if (this.#recovering) return;
    this.#recovering = true;
    const again = (): void =>
      this.#again(() => {
        this.#recovering = false;
        this.#recoverSoon();
      });
    void this.#recover().then(() => {
      this.#recovering = false;
    }, again);
  }

  #again(run: () => void): void {
    const { clock } = this.#options;
    if (this.#closed) return;
    clock.after(RETRY_MILLIS, () => {
      if (!this.#closed) run();
    });
  }

  #draft(fill: Fill): Draft {
    const draft = new Draft(this.#logs, (name) => this.#entries.get(name), this.#nowSeconds());
    fill(draft);
    return draft;
  }

  #take(log: LogCommitted): void {
    const trustDomain = trustDomainOf(log.log);
    if (log.log !== stateLog(trustDomain)) return;
    for (const { kind, key, body } of log.changes) {
      if (kind !== 'Entry') continue;
      const entry = body === null ? undefined : this.#logs.find(log.log, 'Entry', key);
      if (entry === undefined) this.#entries.get(trustDomain)?.remove(key);
      else this.#index(entry);
    }
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

  #index(resource: StoredResource): void {
    const trustDomain = trustDomainOf(resource.log);
    let index = this.#entries.get(trustDomain);
    if (index === undefined) {
      index = new EntryIndex(trustDomain);
      this.#entries.set(trustDomain, index);
    }
    // What was committed was parsed by kind on its way in.
    const entry = resource as HeldEntry;
    index.put(entry);
    if (entry.body.expiresAt !== undefined) this.#pruneAt(entry.body.expiresAt * 1000);
  }

  /** Expired entries are gone at read; soon after they leave the store too, and every agent hears of it. */
  #pruneAt(at: number): void {
    if (this.#expiry !== undefined && this.#expiry.at <= at) return;
    this.#expiry?.timer.cancel();
    const timer = this.#options.clock.at(at, () => {
      this.#expiry = undefined;
      void this.#prune().catch(() => this.#pruneAt(this.#options.clock.now() + RETRY_MILLIS));
    });
    this.#expiry = { at, timer };
  }

  async #prune(): Promise<void> {
    for (const [trustDomain, index] of this.#entries) {
      const expired = [...index.all()].filter(({ body }) => !this.#isLive(body)).slice(0, PRUNE_AT_ONCE);
      if (expired.length > 0)
        await this.commit(trustDomain, (draft) => removeExpired(draft, trustDomain, expired), 'expiry');
    }
    let next = Number.POSITIVE_INFINITY;
    for (const index of this.#entries.values())
      for (const { body } of index.all()) next = Math.min(next, body.expiresAt ?? next);
    if (next < Number.POSITIVE_INFINITY) this.#pruneAt(next * 1000);
  }

  #isLive(entry: EntryResource): boolean {
    return isLive(entry, this.#nowSeconds());
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }

  /** What the ledger does not take now stays in the store, and goes with the next commit or soon. */
  async #deliver(receipts: readonly PendingReceipt[]): Promise<void> {
    const outlet = this.#options.receipts;
    const waiting = [...this.#undelivered, ...receipts];
    if (outlet === undefined || waiting.length === 0) return;
    this.#undelivered = [];
    try {
      await outlet.deliver(waiting);
      this.#logs.forget(waiting);
    } catch (error) {
      this.#undelivered = [...waiting, ...this.#undelivered];
      this.#recoverSoon();
      throw error;
    }
  }

  async #recover(): Promise<void> {
    const { store, receipts: outlet } = this.#options;
    if (outlet === undefined) return;
    const pending = await store.pendingReceipts(RECOVER_AT_ONCE);
    if (pending.length === 0) return;
    await this.#deliver(pending);
    await store.commit({ logs: [], delivered: pending.map(({ id }) => id) });
    if (pending.length === RECOVER_AT_ONCE) await this.#recover();
  }
}

const RETRY_MILLIS = 1000;
const LOOK_MILLIS = 30_000;

function fillWith(changes: ReadonlyMap<string, readonly ResourceChange[]>): Fill {
  return (draft) => {
    for (const [trustDomain, some] of changes) for (const change of some) draft.add(trustDomain, change);
  };
}

function removeExpired(draft: Draft, trustDomain: string, expired: readonly HeldEntry[]): void {
  for (const { body } of expired) {
    const present = draft.find<EntryResource>('Entry', trustDomain, body.id);
    if (present?.expiresAt === body.expiresAt) draft.add(trustDomain, { kind: 'Entry', key: body.id, body: null });
  }
}

function toCommitted({ log, revision, changes }: LogCommitted): Committed {
  // A state log holds resources only: the draft lets nothing else in.
  return { trustDomain: trustDomainOf(log), revision, changes: changes as readonly CommittedChange[] };
}

function held<T>(kind: ResourceKind, { log, key, body, revision }: StoredResource): Held<T> {
  return { trustDomain: trustDomainOf(log), kind, key, body: body as T, revision };
}
