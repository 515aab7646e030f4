import type { Receipt } from '#chain';
import { Fault } from '#kernel';

const FLUSH_MILLIS = 20;
const RETRY_MILLIS = 200;
const MAX_PENDING = 10_000;
const BATCH = 200;

/** Hands receipts to the agent in batches, again until it takes them. When too many wait, nothing more is done: no receipt, no action. */
export class Reporter {
  readonly #send: (receiptsJson: string[]) => Promise<unknown>;
  #pending: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #reserved = 0;
  #closed = false;

  constructor(send: (receiptsJson: string[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** Keeps room for one receipt, before what it will tell of is done; call what is returned once. Throws `LIMIT_EXCEEDED` when too many wait. */
  reserve(): (receipt: Receipt) => void {
    if (this.#pending.length + this.#reserved >= MAX_PENDING)
      throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the agent');
    this.#reserved++;
    return (receipt) => {
      this.#reserved--;
      this.#pending.push(JSON.stringify(receipt));
      this.#later(FLUSH_MILLIS);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sending;
    await this.#flush();
  }

  #later(millis: number): void {
    if (this.#closed || this.#timer !== undefined || this.#sending !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#flush().then((sent) => {
        this.#sending = undefined;
        if (this.#pending.length > 0) this.#later(sent ? 0 : RETRY_MILLIS);
      });
    }, millis);
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
