import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { KnownReceipt, LedgerRecord } from '#ledger';
import { type Migration, numberOf, openDatabase, type Row, textOf, transaction } from './database.ts';

const SCHEMA = `
  CREATE TABLE record (
    trust_domain TEXT NOT NULL, position INTEGER NOT NULL, receipt_id TEXT NOT NULL, txn TEXT NOT NULL, body TEXT NOT NULL,
    hash TEXT NOT NULL, PRIMARY KEY (trust_domain, position), UNIQUE (trust_domain, receipt_id)
  ) STRICT;
  CREATE INDEX record_by_txn ON record (txn);
  CREATE INDEX record_by_receipt ON record (receipt_id)`;

/** The schema's history. */
export const LEDGER_MIGRATIONS: readonly Migration[] = [(database) => database.exec(SCHEMA)];

/** Ledgers in one SQLite file. Every call blocks for the length of a transaction. */
export class LedgerTables {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #known: StatementSync;

  constructor(file: string) {
    this.#database = openDatabase(file, LEDGER_MIGRATIONS);
    this.#insert = this.#database.prepare('INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)');
    this.#known = this.#database.prepare('SELECT body FROM record WHERE trust_domain = ? AND receipt_id = ?');
  }

  last(trustDomain: string): LedgerRecord | undefined {
    return this.#all('SELECT * FROM record WHERE trust_domain = ? ORDER BY position DESC LIMIT 1', trustDomain)[0];
  }

  append(records: readonly LedgerRecord[]): void {
    transaction(this.#database, () => {
      for (const { trustDomain, index, receiptId, txn, body, hash } of records)
        this.#insert.run(trustDomain, index, receiptId, txn, body, hash);
    });
  }

  known(trustDomain: string, receiptIds: readonly string[]): readonly KnownReceipt[] {
    return receiptIds.flatMap((receiptId) => {
      const row = this.#known.get(trustDomain, receiptId);
      return row === undefined ? [] : [{ receiptId, body: String(row.body) }];
    });
  }

  find(id: string): readonly LedgerRecord[] {
    return this.#all('SELECT * FROM record WHERE txn = ? OR receipt_id = ?', id, id);
  }

  recent(limit: number): readonly LedgerRecord[] {
    return this.#all('SELECT * FROM record ORDER BY rowid DESC LIMIT ?', limit);
  }

  read(trustDomain: string, from: number, limit: number): readonly LedgerRecord[] {
    return this.#all(
      'SELECT * FROM record WHERE trust_domain = ? AND position >= ? ORDER BY position LIMIT ?',
      trustDomain,
      from,
      limit,
    );
  }

  trustDomains(): readonly string[] {
    const rows: Row[] = this.#database.prepare('SELECT DISTINCT trust_domain FROM record ORDER BY trust_domain').all();
    return rows.map((row) => textOf(row.trust_domain));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #all(sql: string, ...values: (string | number)[]): LedgerRecord[] {
    return this.#database
      .prepare(sql)
      .all(...values)
      .map(toRecord);
  }
}

function toRecord(row: Row): LedgerRecord {
  return {
    trustDomain: textOf(row.trust_domain),
    index: numberOf(row.position),
    receiptId: textOf(row.receipt_id),
    txn: textOf(row.txn),
    body: textOf(row.body),
    hash: textOf(row.hash),
  };
}
