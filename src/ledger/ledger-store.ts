import type { Closeable } from '#kernel';

/** One line of a ledger, exactly as hashed. */
export interface LedgerRecord {
  readonly trustDomain: string;
  /** From 0, without gaps. */
  readonly index: number;
  readonly receiptId: string;
  readonly txn: string;
  /** JSON of the receipt: the bytes that the hash covers. */
  readonly body: string;
  /** Lower-case hexadecimal SHA-256. */
  readonly hash: string;
}

export type KnownReceipt = Pick<LedgerRecord, 'receiptId' | 'body'>;

/** Port: append-only storage of ledgers. */
export interface LedgerStore extends Closeable {
  /** The last record of a trust domain's ledger. */
  last(trustDomain: string): Promise<LedgerRecord | undefined>;
  /** Writes all records durably, or none. Throws `ALREADY_EXISTS` when an index is taken. */
  append(records: readonly LedgerRecord[]): Promise<void>;
  /** Those of some receipt ids that the trust domain's ledger holds, with their bodies. */
  known(trustDomain: string, receiptIds: readonly string[]): Promise<readonly KnownReceipt[]>;
  /** Records whose txn or receipt id it is, of every trust domain. */
  find(id: string): Promise<readonly LedgerRecord[]>;
  recent(limit: number): Promise<readonly LedgerRecord[]>;
  /** Records of one trust domain from an index on, in order. */
  read(trustDomain: string, from: number, limit: number): Promise<readonly LedgerRecord[]>;
  trustDomains(): Promise<readonly string[]>;
}
