import type { KnownReceipt, LedgerRecord, LedgerStore } from '#ledger';
import { type Database, numberOf, type Row, textOf } from './database.ts';

const COLUMNS = 'trust_domain, position, receipt_id, txn, body, hash';

/** Ledgers in a PostgreSQL database. Several servers append: of two that take the same place one is told, and goes on behind the other. */
export class PostgresLedgerStore implements LedgerStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async last(trustDomain: string): Promise<LedgerRecord | undefined> {
    const [last] = await this.#records('WHERE trust_domain = $1 ORDER BY position DESC LIMIT 1', trustDomain);
    return last;
  }

  async append(records: readonly LedgerRecord[]): Promise<void> {
    await this.#database.run(
      `INSERT INTO hauberk.record (${COLUMNS})
       SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])`,
      records.map(({ trustDomain }) => trustDomain),
      records.map(({ index }) => index),
      records.map(({ receiptId }) => receiptId),
      records.map(({ txn }) => txn),
      records.map(({ body }) => body),
      records.map(({ hash }) => hash),
    );
  }

  async known(trustDomain: string, receiptIds: readonly string[]): Promise<readonly KnownReceipt[]> {
    const rows = await this.#database.run(
      'SELECT receipt_id, body FROM hauberk.record WHERE trust_domain = $1 AND receipt_id = ANY ($2::text[])',
      trustDomain,
      receiptIds,
    );
    return rows.map((row) => ({ receiptId: textOf(row.receipt_id), body: textOf(row.body) }));
  }

  find(id: string): Promise<readonly LedgerRecord[]> {
    return this.#records('WHERE txn = $1 OR receipt_id = $1 ORDER BY written', id);
  }

  recent(limit: number): Promise<readonly LedgerRecord[]> {
    return this.#records('ORDER BY written DESC LIMIT $1', limit);
  }

  read(trustDomain: string, from: number, limit: number): Promise<readonly LedgerRecord[]> {
    return this.#records(
      'WHERE trust_domain = $1 AND position >= $2 ORDER BY position LIMIT $3',
      trustDomain,
      from,
      limit,
    );
  }

  async trustDomains(): Promise<readonly string[]> {
    const rows = await this.#database.run('SELECT DISTINCT trust_domain FROM hauberk.record ORDER BY trust_domain');
    return rows.map((row) => textOf(row.trust_domain));
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #records(rest: string, ...values: readonly (string | number)[]): Promise<LedgerRecord[]> {
    return (await this.#database.run(`SELECT ${COLUMNS} FROM hauberk.record ${rest}`, ...values)).map(toRecord);
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
