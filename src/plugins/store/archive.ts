import type { LogRow } from './rows.ts';

/** One row of a store, the same of every kind of store: what a backup is made of. */
export type ArchiveRow =
  | { readonly table: 'revision'; readonly log: string; readonly value: number }
  | ({ readonly table: 'resource' } & LogRow)
  | {
      readonly table: 'last_use';
      readonly trustDomain: string;
      readonly kind: string;
      readonly key: string;
      readonly lastUsedAt: number;
    }
  | { readonly table: 'receipt'; readonly trustDomain: string; readonly id: string; readonly body: string }
  | {
      readonly table: 'record';
      readonly trustDomain: string;
      readonly position: number;
      readonly receiptId: string;
      readonly txn: string;
      readonly body: string;
      readonly hash: string;
    };

export type TableName = ArchiveRow['table'];

/** Columns of each table, in the order of the fields of its rows. */
export const ARCHIVE_COLUMNS: Readonly<Record<TableName, Readonly<Record<string, string>>>> = {
  revision: { log: 'log', value: 'value' },
  resource: { log: 'log', kind: 'kind', key: 'key', body: 'body', revision: 'revision' },
  last_use: { trustDomain: 'trust_domain', kind: 'kind', key: 'key', lastUsedAt: 'last_used_at' },
  receipt: { trustDomain: 'trust_domain', id: 'id', body: 'body' },
  record: {
    trustDomain: 'trust_domain',
    position: 'position',
    receiptId: 'receipt_id',
    txn: 'txn',
    body: 'body',
    hash: 'hash',
  },
};

/** In this order: the registry is read before the ledgers, so that no change is without its receipt. */
export const ARCHIVE_TABLES: readonly TableName[] = ['revision', 'resource', 'last_use', 'receipt', 'record'];

/** What `upgrade` found and did. */
export interface Upgrade {
  readonly what: string;
  readonly from: number;
  readonly to: number;
  /** A copy of what was there before. */
  readonly copy?: string;
}

/** Port: a store as a whole, beside the server that may be running on it. */
export interface Archive {
  /** Every row at one moment. Throws `STORE_SCHEMA_OLDER` for a store that has to be upgraded first, and `NOT_FOUND` where there is none. */
  read(): AsyncIterable<ArchiveRow>;
  /** Writes everything or nothing. Throws `ALREADY_EXISTS` for a store that holds something. */
  restore(rows: AsyncIterable<ArchiveRow>): Promise<void>;
  /** Brings the schema up; nothing when it is. Throws `STORE_SCHEMA_NEWER`. */
  upgrade(): Promise<readonly Upgrade[]>;
}
