import type { Receipt } from '#chain';
import { type Closeable, Fault, LIMITS } from '#kernel';

const FLUSH_MILLIS = 20;
const AGAIN_MILLIS = 200;
const LIMIT_WAITING = 10_000;
const CLOSE_MILLIS = 2000;

/** Hands receipts to the agent in order and again until it takes them. When too many wait, nothing more may be done. */
export class ReceiptQueue implements Closeable {
  readonly #send: (receiptsJson: string[]) => Promise<unknown>;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(send: (receiptsJson: string[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** Throws `LIMIT_EXCEEDED` when too many wait: what leaves no receipt must not happen. */
  add(receipt: Receipt): void {
    if (this.#waiting.length >= LIMIT_WAITING)
      throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the agent');
    this.#waiting.push(JSON.stringify(receipt));
    this.#later(FLUSH_MILLIS);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const late = new Promise((done) => setTimeout(done, CLOSE_MILLIS).unref());
    await Promise.race([this.#sending.then(() => this.#flush()), late]);
    clearTimeout(this.#timer);
  }

  #later(millis: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#flush();
    }, millis);
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, LIMITS.receiptBatch.value);
      try {
        await this.#send(batch);
      } catch {
        return this.#later(AGAIN_MILLIS);
      }
      this.#waiting = this.#waiting.slice(batch.length);
    }
  }
}
