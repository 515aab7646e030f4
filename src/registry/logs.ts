import { Fault, toFault } from '#kernel';
import { HeldLogs } from './held-logs.ts';
import { askAll, type LogPlan, type Member, newMember, type Outcome } from './log-plan.ts';
import { LogTurns } from './log-turns.ts';
import type { Commit, PendingReceipt, Store } from './store.ts';

/** So many share one transaction at most. */
const MOST_TOGETHER = 256;

/** A commit that loses this often to others fails: each loss is another's success, so this bounds the wait and nothing else. */
const ATTEMPTS = 500;

/** Commits to the logs of a store: on the newest state or not at all. */
export class Logs {
  /** What is read: reads touch no store. */
  readonly held: HeldLogs;
  readonly #store: Store;
  readonly #turns = new LogTurns();
  readonly #doubters = new Set<(names: readonly string[]) => void>();
  readonly #delivered = new Set<string>();
  /** By the logs that they wait for. */
  readonly #waiting = new Map<string, Member[]>();
  #fault: Fault | undefined;

  private constructor(store: Store, held: HeldLogs) {
    this.#store = store;
    this.held = held;
  }

  static async open(store: Store): Promise<Logs> {
    return new Logs(store, new HeldLogs(await store.load()));
  }

  /** Why the last commit could not be written; undefined when it could. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Calls back when it is not known whether a commit to some logs was made. */
  onDoubt(listener: (names: readonly string[]) => void): void {
    this.#doubters.add(listener);
  }

  /**
   * Commits what `plan` says, each log under one new revision and all of them in one transaction; nothing when it says nothing. `names`
   * holds every log that the plan reads or writes: they stand still meanwhile. Whatever `plan` throws is thrown.
   */
  commit(names: readonly string[], plan: () => LogPlan): Promise<Outcome> {
    const member = newMember(plan);
    void this.#turns.take(names, () => this.#commitAll(names, [member]));
    return member.done.promise;
  }

  /**
   * As `commit`, for plans that read the state by `find` and `list` alone. Those that wait for the same logs share a transaction and its revision: each is
   * asked on what the plans before it say. One that throws is left out; what the store refuses is refused to all.
   */
  commitTogether(names: readonly string[], plan: () => LogPlan): Promise<Outcome> {
    const place = names.join('\n');
    const member = newMember(plan);
    const waiting = this.#waiting.get(place);
    if (waiting !== undefined && waiting.length < MOST_TOGETHER) waiting.push(member);
    else {
      const members = [member];
      this.#waiting.set(place, members);
      void this.#turns.take(names, () => {
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
    return this.#turns.take([log], () => this.#catchUp(log));
  }

  async #commitAll(names: readonly string[], members: readonly Member[]): Promise<void> {
    let open = members;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const { said, changes } = askAll(open, this.held);
        // Whoever has its answer is not asked again.
        open = said.map(({ member }) => member);
        if (open.length === 0) return;
        const committed = [...changes].map(([log, some]) => this.held.next(log, [...some.values()]));
        const delivered = [...this.#delivered];
        const logs = committed.map(({ log, revision, changes }) => ({ log, expected: revision - 1, changes }));
        const receipts = said.flatMap((one) => one.receipts);
        if (await this.#write(names, { logs, receipts, delivered })) {
          for (const id of delivered) this.#delivered.delete(id);
          for (const one of committed) this.held.apply(one);
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
    this.held.takeOver(log, await this.#store.since(log, this.held.revision(log)));
  }
}
