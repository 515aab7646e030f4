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
    return this.#held.get(log)?.kinds.get(kind)?.get(key);
  }

  list(log: string, kind: StoredKind): Iterable<StoredResource> {
    return this.#held.get(log)?.kinds.get(kind)?.values() ?? [];
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
    return this.#exclusive(names, async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const { changes, receipts } = plan();
        const logs = [...changes].filter(([, some]) => some.length > 0);
        if (logs.length === 0) return { committed: [], receipts: [] };
        const committed = logs.map(([log, some]) => ({ log, revision: this.revision(log) + 1, changes: some }));
        const pending = receipts?.(committed) ?? [];
        const delivered = [...this.#delivered];
        const written = await this.#write(names, {
          logs: committed.map(({ log, revision, changes }) => ({ log, expected: revision - 1, changes })),
          receipts: pending,
          delivered,
        });
        if (written) {
          for (const id of delivered) this.#delivered.delete(id);
          for (const one of committed) this.#apply(one);
          return { committed, receipts: pending };
        }
        for (const name of names) await this.#catchUp(name);
      }
      throw new Fault('STORE_CONTENDED', 'others changed the same state all the time');
    });
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

/** Changes grouped by revision; a snapshot as the one revision that leads from what is held to it. */
function revisionsOf(log: string, since: Since, held: Held['kinds'] | undefined): readonly LogCommitted[] {
  if (since.kind === 'snapshot') {
    const wanted = new Set(since.resources.map(({ kind, key }) => `${kind}\n${key}`));
    const gone = [...(held ?? [])].flatMap(([kind, some]) =>
      [...some.keys()].filter((key) => !wanted.has(`${kind}\n${key}`)).map((key) => ({ kind, key, body: null })),
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
