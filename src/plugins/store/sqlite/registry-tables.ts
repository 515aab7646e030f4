import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { PendingReceipt, Use } from '#registry';
import { COMPACT_EVERY, KEEP_REVISIONS, type LogRow, type WrittenCommit } from '../rows.ts';
import { numberOf, openDatabase, optionalText, type Row, textOf, transaction } from './database.ts';
import { REGISTRY_MIGRATIONS } from './registry-schema.ts';

/** What a log's follower gets: changes after its revision, or, past the compacted ones, what the log holds at `revision`. */
export interface SinceRows {
  readonly snapshotAt?: number;
  readonly rows: readonly LogRow[];
}

/** The registry's tables in one SQLite file. Every call blocks for the length of a transaction. */
export class RegistryTables {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#database = openDatabase(file, REGISTRY_MIGRATIONS);
  }

  load(): { readonly revisions: readonly (readonly [string, number])[]; readonly rows: readonly LogRow[] } {
    return transaction(this.#database, () => ({
      revisions: this.#all('SELECT log, value FROM revision').map((row) => [textOf(row.log), numberOf(row.value)]),
      rows: this.#all('SELECT log, kind, key, body, revision FROM resource ORDER BY revision').map(toLogRow),
    }));
  }

  since(log: string, revision: number): SinceRows {
    return transaction(this.#database, () => {
      const row = this.#statement('SELECT value, compacted FROM revision WHERE log = ?').get(log);
      if (row !== undefined && numberOf(row.compacted) > revision) {
        const sql = 'SELECT log, kind, key, body, revision FROM resource WHERE log = ? ORDER BY revision';
        return { snapshotAt: numberOf(row.value), rows: this.#all(sql, log).map(toLogRow) };
      }
      const sql = 'SELECT log, kind, key, body, revision FROM change WHERE log = ? AND revision > ? ORDER BY revision';
      return { rows: this.#all(sql, log, revision).map(toLogRow) };
    });
  }

  commit({ logs, receipts, delivered }: WrittenCommit): boolean {
    const write = (): boolean => {
      for (const { log, expected, changes } of logs) {
        if (!this.#raise(log, expected)) return false;
        for (const change of changes) this.#write(log, expected + 1, change);
        if ((expected + 1) % COMPACT_EVERY === 0) this.#compact(log, expected + 1 - KEEP_REVISIONS);
      }
      const insert = this.#statement('INSERT OR IGNORE INTO receipt (trust_domain, id, body) VALUES (?, ?, ?)');
      for (const { trustDomain, id, body } of receipts) insert.run(trustDomain, id, body);
      const forget = this.#statement('DELETE FROM receipt WHERE id = ?');
      for (const id of delivered) forget.run(id);
      return true;
    };
    return transaction(this.#database, write, (written) => written);
  }

  pendingReceipts(limit: number): readonly PendingReceipt[] {
    return this.#all('SELECT trust_domain, id, body FROM receipt ORDER BY position LIMIT ?', limit).map((row) => ({
      trustDomain: textOf(row.trust_domain),
      id: textOf(row.id),
      body: textOf(row.body),
    }));
  }

  recordUse(uses: readonly Use[]): void {
    const upsert = this.#statement(
      `INSERT INTO last_use VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)`,
    );
    transaction(this.#database, () => {
      for (const { trustDomain, kind, key, lastUsedAt } of uses) upsert.run(trustDomain, kind, key, lastUsedAt);
    });
  }

  uses(trustDomain: string): readonly Use[] {
    return this.#all('SELECT * FROM last_use WHERE trust_domain = ?', trustDomain).map((row) => ({
      trustDomain,
      kind: row.kind === 'Federation' ? 'Federation' : 'Entry',
      key: textOf(row.key),
      lastUsedAt: numberOf(row.last_used_at),
    }));
  }

  close(): void {
    this.#prepared.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  /** The counter's row is written first, so that it is locked for the rest of the transaction. */
  #raise(log: string, expected: number): boolean {
    const sql =
      expected === 0
        ? 'INSERT INTO revision VALUES (?, ? + 1, 0) ON CONFLICT DO NOTHING'
        : 'UPDATE revision SET value = value + 1 WHERE log = ? AND value = ?';
    return Number(this.#statement(sql).run(log, expected).changes) === 1;
  }

  #write(
    log: string,
    revision: number,
    { kind, key, body }: { readonly kind: string; readonly key: string; readonly body: string | null },
  ): void {
    this.#statement('INSERT INTO change VALUES (?, ?, ?, ?, ?)').run(log, revision, kind, key, body);
    if (body === null)
      this.#statement('DELETE FROM resource WHERE log = ? AND kind = ? AND key = ?').run(log, kind, key);
    else this.#statement('INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?)').run(log, kind, key, body, revision);
  }

  #compact(log: string, floor: number): void {
    if (floor <= 0) return;
    this.#statement('DELETE FROM change WHERE log = ? AND revision <= ?').run(log, floor);
    this.#statement('UPDATE revision SET compacted = ? WHERE log = ?').run(floor, log);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#statement(sql).all(...values);
  }
}

function toLogRow(row: Row): LogRow {
  return {
    log: textOf(row.log),
    kind: textOf(row.kind),
    key: textOf(row.key),
    body: optionalText(row.body) ?? null,
    revision: numberOf(row.revision),
  };
}
