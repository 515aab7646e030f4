import type { Commit, PendingReceipt, Since, Snapshot, Store, Use } from '#registry';
import { RegistryTables } from './registry-tables.ts';

/** The registry in one SQLite file, which this process alone writes. */
export class SqliteStore implements Store {
  readonly #tables: RegistryTables;

  constructor(file: string) {
    this.#tables = new RegistryTables(file);
  }

  async load(): Promise<Snapshot> {
    return this.#tables.load();
  }

  async since(log: string, revision: number): Promise<Since> {
    return this.#tables.since(log, revision);
  }

  async commit(commit: Commit): Promise<boolean> {
    return this.#tables.commit(commit);
  }

  async pendingReceipts(limit: number): Promise<readonly PendingReceipt[]> {
    return this.#tables.pendingReceipts(limit);
  }

  async recordUse(uses: readonly Use[]): Promise<void> {
    this.#tables.recordUse(uses);
  }

  async uses(trustDomain: string): Promise<readonly Use[]> {
    return this.#tables.uses(trustDomain);
  }

  /** Nobody else writes to the file of a running server. */
  watch(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {
    this.#tables.close();
  }
}
