import type { Receipt } from '#chain';
import { Fault } from '#kernel';

const FLUSH_MILLIS = 20;
const RETRY_MILLIS = 200;
const MAX_PENDING = 50_000;
const BATCH = 400;

/** Hands receipts to the agent in order, in batches, again until it takes them. */
export class ReceiptQueue {
  readonly #send: (receiptsJson: string[]) => Promise<unknown>;
  #pending: string[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(send: (receiptsJson: string[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** Throws `LIMIT_EXCEEDED` when too many wait: no receipt, no action. */
  add(receipt: Receipt): void {
    if (this.#pending.length >= MAX_PENDING) throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the agent');
    this.#pending.push(JSON.stringify(receipt));
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#flush();
  }

  async #run(): Promise<void> {
    await pause(FLUSH_MILLIS);
    while (this.#pending.length > 0) {
      const sent = await this.#flush();
      if (this.#closed) break;
      if (!sent) await pause(RETRY_MILLIS);
    }
    this.#running = undefined;
  }

  async #flush(): Promise<boolean> {
    const batch = this.#pending.slice(0, BATCH);
    if (batch.length === 0) return true;
    try {
      await this.#send(batch);
      this.#pending = this.#pending.slice(batch.length);
      return true;
    } catch {
      return false;
    }
  }
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
