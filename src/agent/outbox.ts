import { Fault, faultCode, LIMITS, type Log, toFault } from '#kernel';
import type { StampedReceipt } from './receipt.ts';
import type { ReceiptJournal } from './receipt-journal.ts';

/** Where one trust domain's receipts go. `report` resolves when they are durable. */
export interface ReceiptSink {
  readonly name: string;
  report(receiptsJson: readonly string[]): Promise<void>;
}

const RETRY_MILLIS = 200;
/** Well below the limit of one gRPC message. */
const BATCH_BYTES = 1024 * 1024;

export interface OutboxOptions {
  /** Where receipts stand until they are confirmed; absent: in memory only, and a killed agent loses them. */
  readonly journal?: ReceiptJournal | undefined;
  /** What happens to receipts for which there is no room: `deny` refuses them and with them the action, `drop` counts and forgets them. */
  readonly whenFull?: 'deny' | 'drop';
}

/** One trust domain's receipts on their way to the server, in order, again until it confirms. */
export class Outbox {
  readonly #sink: ReceiptSink;
  readonly #log: Log;
  #waiting: StampedReceipt[] = [];
  #bytes = 0;
  #batchLimit: number = LIMITS.receiptBatch.value;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #dropped = 0;
  #unkept: Fault | undefined;
  #journalClosed = false;
  readonly #journal: ReceiptJournal | undefined;
  readonly #whenFull: 'deny' | 'drop';

  constructor(sink: ReceiptSink, log: Log, { journal, whenFull = 'deny' }: OutboxOptions = {}) {
    this.#sink = sink;
    this.#log = log;
    this.#journal = journal;
    this.#whenFull = whenFull;
    this.#take(journal?.load(sink.name) ?? []);
  }

  /** How many were forgotten because there was no room (`drop`). */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Why the last receipts were not kept, and nothing may happen; what could not be written is tried whenever this is asked. */
  trouble(): Fault | undefined {
    if (this.#unkept === undefined) return undefined;
    try {
      this.#journal?.assertWritable();
      this.#unkept = undefined;
    } catch (error) {
      this.#unkept = toFault(error);
    }
    return this.#unkept;
  }

  /** True also where receipts without room are dropped. */
  hasRoom(receipts: readonly StampedReceipt[], limit?: number): boolean {
    return this.#whenFull === 'drop' || this.#fits(receipts, limit);
  }

  /** Throws `LIMIT_EXCEEDED` when too much is waiting, `RECEIPTS_NOT_KEPT` when the disk takes none: no receipt, no action. */
  add(receipts: readonly StampedReceipt[], limit?: number): void {
    try {
      if (!this.#fits(receipts, limit)) throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the server');
      this.#journal?.append(receipts);
      this.#unkept = undefined;
    } catch (error) {
      if (this.#whenFull === 'deny') {
        if (faultCode(error) === 'RECEIPTS_NOT_KEPT') this.#unkept = toFault(error);
        throw error;
      }
      this.#drop(receipts.length, error);
      return;
    }
    this.#take(receipts);
    this.#kick();
  }

  #fits(receipts: readonly StampedReceipt[], limit: number = LIMITS.agentReceipts.value): boolean {
    const bytes = receipts.reduce((sum, receipt) => sum + receipt.bytes, this.#bytes);
    return this.#waiting.length + receipts.length <= limit && bytes <= LIMITS.agentReceiptBytes.value;
  }

  #take(receipts: readonly StampedReceipt[]): void {
    for (const receipt of receipts) {
      this.#waiting.push(receipt);
      this.#bytes += receipt.bytes;
    }
  }

  #drop(count: number, error: unknown): void {
    // Said at the first and then at every doubling, so that a flood of receipts is no flood of lines.
    const before = this.#dropped;
    this.#dropped += count;
    if (Math.floor(Math.log2(this.#dropped)) > Math.floor(Math.log2(Math.max(before, 0.5))))
      this.#log.error('receipts dropped', { trustDomain: this.#sink.name, dropped: this.#dropped, error });
  }

  /** Sends what an earlier process left. */
  start(): void {
    this.#kick();
  }

  /** Sends what can be sent at once, then no more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#kick();
    this.#closed = true;
    await this.#sending;
    if (this.#waiting.length > 0 && this.#journal === undefined)
      this.#log.error('receipts lost: the server did not confirm them', {
        trustDomain: this.#sink.name,
        count: this.size,
      });
    this.#journal?.close();
    this.#journalClosed = true;
  }

  #kick(): void {
    if (this.#closed || this.#sending !== undefined || this.#timer !== undefined || this.size === 0) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
      if (this.size > 0 && !this.#closed) this.#retryLater();
    });
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#kick();
    }, RETRY_MILLIS);
  }

  async #send(): Promise<void> {
    while (this.size > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#sink.report(batch.map(({ json }) => json));
        this.#batchLimit = LIMITS.receiptBatch.value;
      } catch (error) {
        if (!isRefusal(error)) return;
        if (batch.length > 1) {
          // One of them is at fault: halves until it stands alone, so that it takes no other with it.
          this.#batchLimit = Math.ceil(batch.length / 2);
          continue;
        }
        if (faultCode(error) !== 'ARGUMENT_INVALID') return;
        this.#log.error('receipt refused by the server', { id: batch[0]?.id, trustDomain: this.#sink.name, error });
      }
      this.#forget(batch);
    }
  }

  #nextBatch(): readonly StampedReceipt[] {
    let bytes = 0;
    let count = 0;
    for (const receipt of this.#waiting) {
      bytes += receipt.bytes;
      if (count === this.#batchLimit || (count > 0 && bytes > BATCH_BYTES)) break;
      count++;
    }
    return this.#waiting.slice(0, count);
  }

  #forget(batch: readonly StampedReceipt[]): void {
    this.#waiting = this.#waiting.slice(batch.length);
    this.#bytes -= batch.reduce((sum, receipt) => sum + receipt.bytes, 0);
    // A report that came back after the end: it stands in the journal still, and is sent again by the next process.
    if (!this.#journalClosed) this.#journal?.confirmed(this.#waiting);
  }
}

/** The server looked at the receipts and does not take them; anything else may succeed later. */
function isRefusal(error: unknown): boolean {
  return ['ARGUMENT_INVALID', 'LIMIT_EXCEEDED'].includes(faultCode(error) ?? '');
}
