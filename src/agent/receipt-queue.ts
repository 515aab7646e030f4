import type { Receipt } from '#chain';
import { type Closeable, Fault, isFault, LIMITS, type Log } from '#kernel';
import type { Membership } from './membership.ts';

/** Receipts that the server has not confirmed yet; when there are this many, nothing more is accepted: no receipt, no action. */
const MAX_PENDING = 50_000;
const RETRY_MILLIS = 200;

/** Hands receipts to the server in order, again until it confirms. Held in memory only: a killed agent loses what was not confirmed. */
export class ReceiptQueue implements Closeable {
  readonly #memberships: readonly Membership[];
  readonly #pending: Receipt[] = [];
  readonly #log: Log;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(memberships: readonly Membership[], log: Log) {
    this.#memberships = memberships;
    this.#log = log;
  }

  /** Throws `LIMIT_EXCEEDED` when too much is waiting. */
  add(receipts: readonly Receipt[]): void {
    if (this.#pending.length + receipts.length > MAX_PENDING)
      throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the server');
    this.#pending.push(...receipts);
    this.#kick();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sending;
  }

  #kick(): void {
    if (this.#closed || this.#sending !== undefined) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
      if (this.#pending.length > 0 && !this.#closed) this.#timer = setTimeout(() => this.#kick(), RETRY_MILLIS);
    });
  }

  async #send(): Promise<void> {
    while (this.#pending.length > 0 && !this.#closed) {
      const name = this.#pending[0]?.trustDomain;
      const membership = this.#memberships.find((one) => one.name === name);
      const batch = this.#pending.filter((receipt) => receipt.trustDomain === name).slice(0, LIMITS.receiptBatch.value);
      try {
        await membership?.report(batch.map((receipt) => JSON.stringify(receipt)));
      } catch (error) {
        if (!isFault(error) || error.code !== 'ARGUMENT_INVALID') return;
        this.#log.error('receipts refused by the server', { count: batch.length, error });
      }
      const done = new Set(batch);
      this.#pending.splice(0, this.#pending.length, ...this.#pending.filter((receipt) => !done.has(receipt)));
    }
  }
}
