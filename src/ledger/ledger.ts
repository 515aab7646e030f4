import { createHash } from 'node:crypto';
import type { Receipt } from '#chain';
import { Fault, LIMITS } from '#kernel';
import type { LedgerRecord, LedgerStore } from './ledger-store.ts';

/** The hash before the first record. */
export const EMPTY_HEAD = '0'.repeat(64);

/** What `verify` found of one trust domain's ledger. */
export interface Verification {
  readonly trustDomain: string;
  readonly receipts: number;
  /** Hash of the last record that holds. */
  readonly head: string;
  /** Index of the first record that does not hold. */
  readonly brokenAt?: number;
}

const PAGE = 1000;

/**
 * Receipts, one append-only log per trust domain. Each record's hash covers the hash before it and the exact bytes stored, so that a record
 * that was changed, dropped or moved breaks every record after it.
 */
export class Ledger {
  readonly #store: LedgerStore;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(store: LedgerStore) {
    this.#store = store;
  }

  /** Appends receipts durably; those that are there already (by id) are left out. Returns how many were accepted, old ones included. */
  append(receipts: readonly Receipt[]): Promise<number> {
    const written = this.#writing.then(() => this.#append(receipts));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** Every receipt of the transaction that a txn or receipt id belongs to. */
  async transactionOf(id: string): Promise<readonly Receipt[]> {
    const found = await this.#store.find(id);
    const txns = new Set(found.map((record) => record.txn));
    const records = new Map<string, LedgerRecord>();
    for (const txn of txns)
      for (const record of await this.#store.find(txn))
        records.set(`${record.trustDomain} ${record.receiptId}`, record);
    return [...records.values()].map(receiptOf);
  }

  async recent(limit: number): Promise<readonly Receipt[]> {
    return (await this.#store.recent(limit)).map(receiptOf);
  }

  async verify(): Promise<readonly Verification[]> {
    const results: Verification[] = [];
    for (const trustDomain of await this.#store.trustDomains()) results.push(await this.#verify(trustDomain));
    return results;
  }

  async #append(receipts: readonly Receipt[]): Promise<number> {
    const heads = new Map<string, { index: number; hash: string }>();
    const records: LedgerRecord[] = [];
    const ids = new Set<string>();
    for (const receipt of receipts) {
      // An id is a trust domain's own: another one's receipt of the same id must not suppress it.
      const identity = `${receipt.trustDomain} ${receipt.id}`;
      if (ids.has(identity) || (await this.#store.has(receipt.trustDomain, receipt.id))) continue;
      ids.add(identity);
      const head = heads.get(receipt.trustDomain) ?? (await this.#head(receipt.trustDomain));
      const record = newRecord(receipt, head);
      heads.set(receipt.trustDomain, { index: record.index + 1, hash: record.hash });
      records.push(record);
    }
    if (records.length > 0) await this.#store.append(records);
    return receipts.length;
  }

  async #head(trustDomain: string): Promise<{ index: number; hash: string }> {
    const last = await this.#store.last(trustDomain);
    return last === undefined ? { index: 0, hash: EMPTY_HEAD } : { index: last.index + 1, hash: last.hash };
  }

  async #verify(trustDomain: string): Promise<Verification> {
    let head = EMPTY_HEAD;
    let next = 0;
    for (;;) {
      const page = await this.#store.read(trustDomain, next, PAGE);
      if (page.length === 0) return { trustDomain, receipts: next, head };
      for (const record of page) {
        const sound = record.index === next && record.hash === hashRecord(head, record.body) && describes(record);
        if (!sound) return { trustDomain, receipts: next, head, brokenAt: next };
        head = record.hash;
        next++;
      }
    }
  }
}

/** SHA-256 over the hash before, as bytes, and the record's body. */
export function hashRecord(previous: string, body: string): string {
  return createHash('sha256').update(Buffer.from(previous, 'hex')).update(body, 'utf8').digest('hex');
}

function newRecord(receipt: Receipt, head: { readonly index: number; readonly hash: string }): LedgerRecord {
  const body = JSON.stringify(receipt);
  if (Buffer.byteLength(body) > LIMITS.receiptBytes.value)
    throw new Fault('LIMIT_EXCEEDED', 'a receipt is larger than the limit');
  const { trustDomain, id, txn } = receipt;
  return { trustDomain, index: head.index, receiptId: id, txn, body, hash: hashRecord(head.hash, body) };
}

/** The columns that a record is found by must say what its hashed body says. */
function describes(record: LedgerRecord): boolean {
  const { id, txn, trustDomain } = receiptOf(record);
  return id === record.receiptId && txn === record.txn && trustDomain === record.trustDomain;
}

function receiptOf(record: LedgerRecord): Receipt {
  // Written by `newRecord` from a receipt.
  return JSON.parse(record.body) as Receipt;
}
