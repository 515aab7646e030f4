import { Fault, faultCode, LIMITS, type Log } from '#kernel';
import type { StampedReceipt } from './receipt.ts';

/** Where one trust domain's receipts go. `report` resolves when they are durable. */
export interface ReceiptSink {
  readonly name: string;
  report(receiptsJson: readonly string[]): Promise<void>;
}

const RETRY_MILLIS = 200;
/** Well below the limit of one gRPC message. */
const BATCH_BYTES = 1024 * 1024;

/** One trust domain's receipts on their way to the server, in order, again until it confirms. In memory only. */
export class Outbox {
  readonly #sink: ReceiptSink;
  readonly #log: Log;
  #waiting: StampedReceipt[] = [];
  #bytes = 0;
  #batchLimit: number = LIMITS.receiptBatch.value;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(sink: ReceiptSink, log: Log) {
    this.#sink = sink;
    this.#log = log;
  }

  get size(): number {
    return this.#waiting.length;
  }

  hasRoom(receipts: readonly StampedReceipt[], limit: number = LIMITS.agentReceipts.value): boolean {
    const bytes = receipts.reduce((sum, receipt) => sum + receipt.bytes, this.#bytes);
    return this.#waiting.length + receipts.length <= limit && bytes <= LIMITS.agentReceiptBytes.value;
  }

  /** Throws `LIMIT_EXCEEDED` when too much is waiting: no receipt, no action. */
  add(receipts: readonly StampedReceipt[], limit?: number): void {
    if (!this.hasRoom(receipts, limit)) throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the server');
    for (const receipt of receipts) {
      this.#waiting.push(receipt);
      this.#bytes += receipt.bytes;
    }
    this.#kick();
  }

  /** Sends what can be sent at once, then no more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#kick();
    this.#closed = true;
    await this.#sending;
    if (this.#waiting.length > 0)
      this.#log.error('receipts lost: the server did not confirm them', {
        trustDomain: this.#sink.name,
        count: this.size,
      });
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
  }
}

/** The server looked at the receipts and does not take them; anything else may succeed later. */
function isRefusal(error: unknown): boolean {
  return ['ARGUMENT_INVALID', 'LIMIT_EXCEEDED'].includes(faultCode(error) ?? '');
}
