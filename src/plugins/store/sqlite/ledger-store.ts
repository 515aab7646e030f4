import type { KnownReceipt, LedgerRecord, LedgerStore } from '#ledger';
import { DatabaseWorker } from './database-worker.ts';

/** Ledgers in one SQLite file, which this process alone writes. Transactions run in a worker. */
export class SqliteLedgerStore implements LedgerStore {
  readonly #worker: DatabaseWorker<'ledger'>;

  private constructor(worker: DatabaseWorker<'ledger'>) {
    this.#worker = worker;
  }

  /** Brings the file's schema up. Throws `STORE_SCHEMA_NEWER`, `DIRECTORY_UNWRITABLE`. */
  static async open(file: string): Promise<SqliteLedgerStore> {
    return new SqliteLedgerStore(await DatabaseWorker.open('ledger', file));
  }

  last(trustDomain: string): Promise<LedgerRecord | undefined> {
    return this.#worker.call('last', trustDomain);
  }

  append(records: readonly LedgerRecord[]): Promise<void> {
    return this.#worker.call('append', records);
  }

  known(trustDomain: string, receiptIds: readonly string[]): Promise<readonly KnownReceipt[]> {
    return this.#worker.call('known', trustDomain, receiptIds);
  }

  find(id: string): Promise<readonly LedgerRecord[]> {
    return this.#worker.call('find', id);
  }

  recent(limit: number): Promise<readonly LedgerRecord[]> {
    return this.#worker.call('recent', limit);
  }

  read(trustDomain: string, from: number, limit: number): Promise<readonly LedgerRecord[]> {
    return this.#worker.call('read', trustDomain, from, limit);
  }

  trustDomains(): Promise<readonly string[]> {
    return this.#worker.call('trustDomains');
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}
