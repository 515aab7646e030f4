import type { Commit, PendingReceipt, Since, Snapshot, Store, Use } from '#registry';
import { readChange, readResource, writeCommit } from '../rows.ts';
import { DatabaseWorker } from './database-worker.ts';

/** The registry in one SQLite file, which this process alone writes. Transactions run in a worker: nothing here blocks. */
export class SqliteStore implements Store {
  readonly #worker: DatabaseWorker<'registry'>;

  private constructor(worker: DatabaseWorker<'registry'>) {
    this.#worker = worker;
  }

  /** Brings the file's schema up. Throws `STORE_SCHEMA_NEWER`, `DIRECTORY_UNWRITABLE`. */
  static async open(file: string): Promise<SqliteStore> {
    return new SqliteStore(await DatabaseWorker.open('registry', file));
  }

  async load(): Promise<Snapshot> {
    const { revisions, rows } = await this.#worker.call('load');
    return { revisions: new Map(revisions), resources: rows.map(readResource) };
  }

  async since(log: string, revision: number): Promise<Since> {
    const { snapshotAt, rows } = await this.#worker.call('since', log, revision);
    return snapshotAt === undefined
      ? { kind: 'changes', changes: rows.map(readChange) }
      : { kind: 'snapshot', revision: snapshotAt, resources: rows.map(readResource) };
  }

  commit(commit: Commit): Promise<boolean> {
    return this.#worker.call('commit', writeCommit(commit));
  }

  pendingReceipts(limit: number): Promise<readonly PendingReceipt[]> {
    return this.#worker.call('pendingReceipts', limit);
  }

  recordUse(uses: readonly Use[]): Promise<void> {
    return this.#worker.call('recordUse', uses);
  }

  uses(trustDomain: string): Promise<readonly Use[]> {
    return this.#worker.call('uses', trustDomain);
  }

  /** Nobody else writes to the file of a running server. */
  watch(): () => void {
    return () => undefined;
  }

  follows(): boolean {
    return true;
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}
