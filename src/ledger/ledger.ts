import { createHash } from 'node:crypto';
import type { Receipt } from '#chain';
import { Fault, faultCode, LIMITS, toFault } from '#kernel';
import type { LedgerRecord, LedgerStore } from './ledger-store.ts';
import { type Tallied, Tally } from './tally.ts';

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
/** Each conflict is another server's success, so this bounds the wait and nothing else. */
const ATTEMPTS = 200;

interface Head {
  readonly index: number;
  readonly hash: string;
}

type Unplaced = Omit<LedgerRecord, 'index' | 'hash'>;

interface Written {
  readonly record: Unplaced;
  /** Its id was drawn a moment ago: the ledger cannot hold it yet. */
  readonly isNew: boolean;
}

interface Batch {
  readonly receipts: Written[];
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Receipts, one append-only log per trust domain. Each record's hash covers the hash before it and the exact bytes stored, so that a record
 * that was changed, dropped or moved breaks every record after it.
 */
export class Ledger {
  readonly #store: LedgerStore;
  readonly #tally: Tally;
  /** Where each ledger ends, as this process knows it; another server may have gone on. */
  readonly #heads = new Map<string, Head>();
  #waiting: Batch = newBatch();
  #writing: Promise<void> | undefined;
  #fault: Fault | undefined;

  constructor(store: LedgerStore) {
    this.#store = store;
    this.#tally = new Tally(store);
  }

  /** Why the last receipts were not written; undefined when they were. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** How many receipts a trust domain's ledger holds. Cheap after the first time. */
  tally(trustDomain: string): Promise<Tallied> {
    return this.#tally.of(trustDomain);
  }

  /**
   * Appends receipts durably; those that are there already (by id and by what they say) are left out. Returns how many were accepted, old ones included. Whoever
   * calls while a write is under way shares the next one. Throws `LIMIT_EXCEEDED` for a receipt that is too large, before anything is written.
   */
  async append(receipts: readonly Receipt[]): Promise<number> {
    await this.#add(receipts.map(written), false);
    return receipts.length;
  }

  /** As `append`, for receipts whose ids the caller has just drawn at random: they are looked up only when the ledger says that it has one of them. */
  async appendNew(receipts: readonly Receipt[]): Promise<void> {
    await this.#add(receipts.map(written), true);
  }

  async #add(records: readonly Unplaced[], isNew: boolean): Promise<void> {
    if (records.length === 0) return;
    const { receipts, done } = this.#waiting;
    for (const record of records) receipts.push({ record, isNew });
    this.#writing ??= this.#write();
    await done.promise;
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

  /** Writes what waits, and what came to wait meanwhile, until nothing does. */
  async #write(): Promise<void> {
    // Callers of this turn of the loop share the first write too.
    await Promise.resolve();
    while (this.#waiting.receipts.length > 0) {
      const { receipts, done } = this.#waiting;
      this.#waiting = newBatch();
      try {
        await this.#append(receipts);
        this.#fault = undefined;
        done.resolve();
      } catch (error) {
        this.#fault = toFault(error);
        done.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #append(receipts: readonly Written[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { records, heads } = await this.#chain(receipts, attempt > 1);
      if (records.length === 0) return;
      try {
        await this.#store.append(records);
        for (const [trustDomain, head] of heads) this.#heads.set(trustDomain, head);
        return;
      } catch (error) {
        // Another server wrote to the same ledger: go on from where it ends now, without what it may have written of these.
        this.#heads.clear();
        if (faultCode(error) !== 'ALREADY_EXISTS' || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** `lookUp`: also what is new, for the ledger has refused some of it. */
  async #chain(
    receipts: readonly Written[],
    lookUp: boolean,
  ): Promise<{ records: LedgerRecord[]; heads: Map<string, Head> }> {
    const heads = new Map<string, Head>();
    const records: LedgerRecord[] = [];
    for (const [trustDomain, some] of Map.groupBy(receipts, ({ record }) => record.trustDomain)) {
      // An id is a trust domain's own: another one's receipt of the same id must not suppress it.
      const asked = some.filter(({ isNew }) => lookUp || !isNew).map(({ record }) => record.receiptId);
      const said = new Map(await this.#known(trustDomain, asked));
      const ids = new Set(said.keys());
      const own = some.map(({ record }) => withOwnId(record, said));
      const moved = own.filter((record, index) => record !== some[index]?.record).map(({ receiptId }) => receiptId);
      for (const [id] of await this.#known(trustDomain, moved)) ids.add(id);
      let head = this.#heads.get(trustDomain) ?? (await this.#head(trustDomain));
      for (const receipt of own) {
        if (ids.has(receipt.receiptId)) continue;
        ids.add(receipt.receiptId);
        const record = { ...receipt, index: head.index, hash: hashRecord(head.hash, receipt.body) };
        head = { index: record.index + 1, hash: record.hash };
        records.push(record);
      }
      heads.set(trustDomain, head);
    }
    return { records, heads };
  }

  async #known(trustDomain: string, ids: readonly string[]): Promise<readonly (readonly [string, string])[]> {
    if (ids.length === 0) return [];
    return (await this.#store.known(trustDomain, ids)).map(({ receiptId, body }) => [receiptId, body]);
  }

  async #head(trustDomain: string): Promise<Head> {
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

function written(receipt: Receipt): Unplaced {
  const body = JSON.stringify(receipt);
  if (Buffer.byteLength(body) > LIMITS.receiptBytes.value)
    throw new Fault('LIMIT_EXCEEDED', 'a receipt is larger than the limit');
  return { trustDomain: receipt.trustDomain, receiptId: receipt.id, txn: receipt.txn, body };
}

/**
 * Whoever was denied knows the id of the denial. A receipt of that id which says something else must not keep the denial out of the ledger: the
 * later one has an id of its own, made of what it says, so that reporting it again changes nothing.
 */
function withOwnId(record: Unplaced, said: Map<string, string>): Unplaced {
  const there = said.get(record.receiptId);
  if (there === undefined) said.set(record.receiptId, record.body);
  if (there === undefined || there === record.body) return record;
  const id = createHash('sha256').update(record.body, 'utf8').digest('hex').slice(0, 32);
  const receipt = receiptOf({ ...record, index: 0, hash: '' });
  return {
    ...record,
    receiptId: id,
    body: JSON.stringify({ ...receipt, id, detail: { ...receipt.detail, idAsReported: receipt.id } }),
  };
}

function newBatch(): Batch {
  return { receipts: [], done: Promise.withResolvers() };
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
