import { Fault, toFault } from '#kernel';
import type {
  Change,
  Commit,
  LoggedChange,
  PendingReceipt,
  Since,
  Store,
  StoredKind,
  StoredResource,
} from './store.ts';

/** One committed revision of a log. */
export interface LogCommitted {
  readonly log: string;
  readonly revision: number;
  readonly changes: readonly AppliedChange[];
}

/** A change as it comes to stand: with what stood there, and, of several revisions that were taken over at once, its own. */
export type AppliedChange = Change & { readonly before?: unknown; readonly revision?: number };

/** What to write, decided on the state of this moment; asked again when another process was first. */
export interface LogPlan {
  readonly changes: ReadonlyMap<string, readonly Change[]>;
  readonly receipts?: (committed: readonly LogCommitted[]) => readonly PendingReceipt[];
}

interface Held {
  revision: number;
  readonly kinds: Map<StoredKind, Map<string, StoredResource>>;
}

/** What plans say of each log, by kind and key: the last word on each. */
type Planned = ReadonlyMap<string, ReadonlyMap<string, Change>>;

/** Somebody who waits for a commit. */
interface Member {
  readonly plan: () => LogPlan;
  readonly done: PromiseWithResolvers<Committed>;
}

interface Said extends Committed {
  readonly member: Member;
}

/** So many share one transaction at most. */
const MOST_TOGETHER = 256;

/** A commit that loses this often to others fails: each loss is another's success, so this bounds the wait and nothing else. */
const ATTEMPTS = 500;

/** The logs of a store, whole in memory. Reads touch no store; commits are made on the newest state or not at all. */
export class Logs {
  readonly #store: Store;
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<(committed: LogCommitted) => void>();
  readonly #doubters = new Set<(names: readonly string[]) => void>();
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #delivered = new Set<string>();
  /** By the logs that they wait for. */
  readonly #waiting = new Map<string, Member[]>();
  /** While plans are asked: what those before say. */
  #planned: Planned | undefined;
  #fault: Fault | undefined;

  private constructor(store: Store) {
    this.#store = store;
  }

  static async open(store: Store): Promise<Logs> {
    const logs = new Logs(store);
    const { revisions, resources } = await store.load();
    for (const [log, revision] of revisions) logs.#log(log).revision = revision;
    for (const resource of resources) logs.#put(resource);
    return logs;
  }

  /** Why the last commit could not be written; undefined when it could. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  names(): readonly string[] {
    return [...this.#held.keys()];
  }

  revision(log: string): number {
    return this.#held.get(log)?.revision ?? 0;
  }

  find(log: string, kind: StoredKind, key: string): StoredResource | undefined {
    const change = this.#planned?.get(log)?.get(nameOf(kind, key));
    if (change !== undefined) return this.#asPlanned(log, change);
    return this.#held.get(log)?.kinds.get(kind)?.get(key);
  }

  list(log: string, kind: StoredKind): Iterable<StoredResource> {
    const held = this.#held.get(log)?.kinds.get(kind)?.values() ?? [];
    const planned = this.#planned?.get(log);
    return planned === undefined ? held : this.#listPlanned(log, kind, { held, planned });
  }

  count(log: string, kind: StoredKind): number {
    return this.#held.get(log)?.kinds.get(kind)?.size ?? 0;
  }

  /** Calls back for every revision as it comes to stand here, this process's own and those of others. Returns how to stop. */
  onCommit(listener: (committed: LogCommitted) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back when it is not known whether a commit to some logs was made. */
  onDoubt(listener: (names: readonly string[]) => void): void {
    this.#doubters.add(listener);
  }

  /**
   * Commits what `plan` says, each log under one new revision and all of them in one transaction; nothing when it says nothing. `names`
   * holds every log that the plan reads or writes: they stand still meanwhile. Whatever `plan` throws is thrown.
   */
  commit(names: readonly string[], plan: () => LogPlan): Promise<Committed> {
    const member = newMember(plan);
    void this.#exclusive(names, () => this.#commitAll(names, [member]));
    return member.done.promise;
  }

  /**
   * As `commit`, for plans that read the state by `find` and `list` alone. Those that wait for the same logs share a transaction and its revision: each is
   * asked on what the plans before it say. One that throws is left out; what the store refuses is refused to all.
   */
  commitTogether(names: readonly string[], plan: () => LogPlan): Promise<Committed> {
    const place = names.join('\n');
    const member = newMember(plan);
    const waiting = this.#waiting.get(place);
    if (waiting !== undefined && waiting.length < MOST_TOGETHER) waiting.push(member);
    else {
      const members = [member];
      this.#waiting.set(place, members);
      void this.#exclusive(names, () => {
        if (this.#waiting.get(place) === members) this.#waiting.delete(place);
        return this.#commitAll(names, members);
      });
    }
    return member.done.promise;
  }

  /** Writes receipts of no change, which wait for the ledger as those of a commit do. Of one id the first is kept. */
  async record(receipts: readonly PendingReceipt[]): Promise<void> {
    await this.#write([], { logs: [], receipts });
  }

  /** Receipts that the ledger has: they leave the store with the next commit. */
  forget(receipts: readonly PendingReceipt[]): void {
    for (const { id } of receipts) this.#delivered.add(id);
  }

  /** Forgets what was delivered, where no commit will come any more. */
  async flush(): Promise<void> {
    if (this.#delivered.size === 0) return;
    await this.#store.commit({ logs: [], delivered: [...this.#delivered] });
    this.#delivered.clear();
  }

  /** Brings a log to what the store holds. */
  follow(log: string): Promise<void> {
    return this.#exclusive([log], () => this.#catchUp(log));
  }

  async #commitAll(names: readonly string[], members: readonly Member[]): Promise<void> {
    let open = members;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const { said, changes } = this.#plan(open);
        // Whoever has its answer is not asked again.
        open = said.map(({ member }) => member);
        if (open.length === 0) return;
        const committed = [...changes].map(([log, some]) => this.#next(log, [...some.values()]));
        const delivered = [...this.#delivered];
        const logs = committed.map(({ log, revision, changes }) => ({ log, expected: revision - 1, changes }));
        const receipts = said.flatMap((one) => one.receipts);
        if (await this.#write(names, { logs, receipts, delivered })) {
          for (const id of delivered) this.#delivered.delete(id);
          for (const one of committed) this.#apply(one);
          for (const { member, ...one } of said) member.done.resolve(one);
          return;
        }
        for (const name of names) await this.#catchUp(name);
      }
      throw new Fault('STORE_CONTENDED', 'others changed the same state all the time');
    } catch (error) {
      for (const { done } of open) done.reject(error);
    }
  }

  /** Asks every plan, each on what those before it say; who throws or says nothing has its answer. Nobody else reads meanwhile: this never waits. */
  #plan(members: readonly Member[]): { readonly said: readonly Said[]; readonly changes: Planned } {
    const changes = new Map<string, Map<string, Change>>();
    this.#planned = changes;
    const said: Said[] = [];
    try {
      for (const member of members) {
        try {
          const one = this.#ask(member);
          if (one.committed.length === 0) member.done.resolve(one);
          else said.push({ ...one, member });
          for (const { log, changes: some } of one.committed) merge(changes, log, some);
        } catch (error) {
          member.done.reject(error);
        }
      }
    } finally {
      this.#planned = undefined;
    }
    return { said, changes };
  }

  #ask({ plan }: Member): Committed {
    const { changes, receipts } = plan();
    const committed = [...changes].filter(([, some]) => some.length > 0).map(([log, some]) => this.#next(log, some));
    return { committed, receipts: committed.length === 0 ? [] : (receipts?.(committed) ?? []) };
  }

  #next(log: string, changes: readonly Change[]): LogCommitted {
    return { log, revision: this.revision(log) + 1, changes };
  }

  #asPlanned(log: string, { kind, key, body }: Change): StoredResource | undefined {
    return body === null ? undefined : { log, kind, key, body, revision: this.revision(log) + 1 };
  }

  *#listPlanned(
    log: string,
    kind: StoredKind,
    { held, planned }: { readonly held: Iterable<StoredResource>; readonly planned: ReadonlyMap<string, Change> },
  ): Generator<StoredResource> {
    for (const resource of held) if (!planned.has(nameOf(kind, resource.key))) yield resource;
    for (const change of planned.values()) {
      const resource = change.kind === kind ? this.#asPlanned(log, change) : undefined;
      if (resource !== undefined) yield resource;
    }
  }

  /** A store that fails may have committed all the same: what it holds is the answer. */
  async #write(names: readonly string[], commit: Commit): Promise<boolean> {
    try {
      const written = await this.#store.commit(commit);
      this.#fault = undefined;
      return written;
    } catch (error) {
      this.#fault = toFault(error);
      for (const listener of this.#doubters) listener(names);
      throw error;
    }
  }

  async #catchUp(log: string): Promise<void> {
    const since = await this.#store.since(log, this.revision(log));
    for (const committed of revisionsOf(log, since, this.#held.get(log)?.kinds)) this.#apply(committed);
  }

  #exclusive<T>(names: readonly string[], run: () => Promise<T>): Promise<T> {
    const before = Promise.all(names.map((name) => this.#tails.get(name)));
    const result = before.then(run);
    const settled = result.catch(() => undefined);
    for (const name of names) this.#tails.set(name, settled);
    return result;
  }

  #apply({ log, revision, changes }: LogCommitted): void {
    this.#log(log).revision = revision;
    const applied: AppliedChange[] = [];
    for (const change of changes) {
      const { kind, key, body, revision: own = revision } = change;
      applied.push({ ...change, before: this.find(log, kind, key)?.body });
      if (body === null) this.#log(log).kinds.get(kind)?.delete(key);
      else this.#put({ log, kind, key, body, revision: own });
    }
    for (const listener of this.#listeners) listener({ log, revision, changes: applied });
  }

  #put(resource: StoredResource): void {
    const { kinds } = this.#log(resource.log);
    let held = kinds.get(resource.kind);
    if (held === undefined) {
      held = new Map();
      kinds.set(resource.kind, held);
    }
    held.set(resource.key, resource);
  }

  #log(name: string): Held {
    let held = this.#held.get(name);
    if (held === undefined) {
      held = { revision: 0, kinds: new Map() };
      this.#held.set(name, held);
    }
    return held;
  }
}

export interface Committed {
  readonly committed: readonly LogCommitted[];
  readonly receipts: readonly PendingReceipt[];
}

function newMember(plan: () => LogPlan): Member {
  return { plan, done: Promise.withResolvers() };
}

function merge(changes: Map<string, Map<string, Change>>, log: string, more: readonly Change[]): void {
  let some = changes.get(log);
  if (some === undefined) {
    some = new Map();
    changes.set(log, some);
  }
  for (const change of more) some.set(nameOf(change.kind, change.key), change);
}

function nameOf(kind: StoredKind, key: string): string {
  return `${kind}\n${key}`;
}

/** Changes grouped by revision; a snapshot as the one revision that leads from what is held to it. */
function revisionsOf(log: string, since: Since, held: Held['kinds'] | undefined): readonly LogCommitted[] {
  if (since.kind === 'snapshot') {
    const wanted = new Set(since.resources.map(({ kind, key }) => nameOf(kind, key)));
    const gone = [...(held ?? [])].flatMap(([kind, some]) =>
      [...some.keys()].filter((key) => !wanted.has(nameOf(kind, key))).map((key) => ({ kind, key, body: null })),
    );
    const changed = since.resources.filter(
      ({ kind, key, revision }) => held?.get(kind)?.get(key)?.revision !== revision,
    );
    return [{ log, revision: since.revision, changes: [...gone, ...changed] }];
  }
  const revisions = new Map<number, Change[]>();
  for (const change of since.changes) {
    const some = revisions.get(change.revision);
    if (some === undefined) revisions.set(change.revision, [toChange(change)]);
    else some.push(toChange(change));
  }
  return [...revisions].map(([revision, changes]) => ({ log, revision, changes }));
}

function toChange({ kind, key, body }: LoggedChange): Change {
  return { kind, key, body };
}
