import type { Receipt } from '#chain';
import { type Closeable, Fault, faultCode, LIMITS } from '#kernel';

const FLUSH_MILLIS = 20;
const RETRY_MILLIS = 200;
const CLOSE_MILLIS = 2000;
/** Characters kept of a field that a caller can make long, in a receipt that would be too large. */
const KEPT = 200;
/** Room for what the agent adds: who reported. */
const VIA_BYTES = 4096;
/** Far below the limit of one message. */
const BATCH_BYTES = 1024 * 1024;

/**
 * Hands an enforcement point's receipts to the agent, in batches and in order, again until it takes them. Room is bounded: when too many wait, nothing
 * more is done (no receipt, no action). A receipt that the agent will never take is left out, so that it holds up no other.
 */
export class ReceiptReporter implements Closeable {
  readonly #send: (receiptsJson: string[]) => Promise<unknown>;
  #pending: string[] = [];
  #reserved = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(send: (receiptsJson: string[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** Keeps room for one receipt, before what it will tell of is done; call what is returned once. Throws `LIMIT_EXCEEDED`. */
  reserve(): (receipt: Receipt) => void {
    if (this.#pending.length + this.#reserved >= LIMITS.receiptsWaiting.value) {
      throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the agent');
    }
    this.#reserved++;
    return (receipt) => {
      this.#reserved--;
      this.#pending.push(encode(receipt));
      this.#running ??= this.#run();
    };
  }

  /** Throws `LIMIT_EXCEEDED` when too many wait. */
  add(receipt: Receipt): void {
    this.reserve()(receipt);
  }

  /** Sends what waits, once more, and gives up after two seconds. */
  async close(): Promise<void> {
    this.#closed = true;
    const late = new Promise((done) => setTimeout(done, CLOSE_MILLIS).unref());
    await Promise.race([Promise.resolve(this.#running).then(() => this.#flush()), late]);
  }

  async #run(): Promise<void> {
    await pause(FLUSH_MILLIS);
    while (this.#pending.length > 0 && !this.#closed) {
      if (!(await this.#flush())) await pause(RETRY_MILLIS);
    }
    this.#running = undefined;
  }

  async #flush(): Promise<boolean> {
    while (this.#pending.length > 0) {
      const batch = this.#nextBatch();
      if (!(await this.#sendAll(batch))) return false;
      this.#pending = this.#pending.slice(batch.length);
    }
    return true;
  }

  #nextBatch(): string[] {
    let bytes = 0;
    const fits = this.#pending.findIndex((json, index) => {
      bytes += Buffer.byteLength(json);
      return index >= LIMITS.receiptBatch.value || (index > 0 && bytes > BATCH_BYTES);
    });
    return fits < 0 ? [...this.#pending] : this.#pending.slice(0, fits);
  }

  /** True when each of the batch was taken or will never be. A refused batch is halved until the receipt that was refused stands alone. */
  async #sendAll(batch: string[]): Promise<boolean> {
    try {
      await this.#send(batch);
      return true;
    } catch (error) {
      if (faultCode(error) !== 'ARGUMENT_INVALID') return false;
      if (batch.length === 1) return true;
      const half = Math.ceil(batch.length / 2);
      return (await this.#sendAll(batch.slice(0, half))) && (await this.#sendAll(batch.slice(half)));
    }
  }
}

/** A caller chooses paths and ids, and must not be able to make a receipt that is refused: what is too long is cut. */
function encode(receipt: Receipt): string {
  const json = JSON.stringify(receipt);
  if (Buffer.byteLength(json) <= LIMITS.receiptBytes.value - VIA_BYTES) return json;
  const { detail: _dropped, action, resource, rule, ...rest } = receipt;
  return JSON.stringify({ ...rest, ...cut({ action, resource, rule }) });
}

function cut(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, text] of Object.entries(fields)) {
    if (text !== undefined) kept[name] = text.length > KEPT ? `${text.slice(0, KEPT)}…` : text;
  }
  return kept;
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
