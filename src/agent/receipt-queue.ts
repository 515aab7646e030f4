import { join } from 'node:path';
import { type Closeable, Fault, LIMITS, type Log } from '#kernel';
import { Outbox, type ReceiptSink } from './outbox.ts';
import type { StampedReceipt } from './receipt.ts';
import { ReceiptJournal } from './receipt-journal.ts';

const CLOSE_MILLIS = 1000;

export interface ReceiptQueueOptions {
  /** One file a trust domain. */
  readonly directory?: string | undefined;
  readonly whenFull?: 'deny' | 'drop' | undefined;
}

/**
 * Receipts that the server has not confirmed yet, one outbox a trust domain, so that one that is away holds up no other. When one is full,
 * nothing more is accepted for it, or it is dropped, by declared mode. On disk where there is a directory for them.
 */
export class ReceiptQueue implements Closeable {
  readonly #outboxes: ReadonlyMap<string, Outbox>;

  constructor(sinks: readonly ReceiptSink[], log: Log, { directory, whenFull }: ReceiptQueueOptions = {}) {
    const outboxOf = (sink: ReceiptSink): Outbox => {
      const journal =
        directory === undefined ? undefined : new ReceiptJournal(join(directory, `${sink.name}.jsonl`), log);
      return new Outbox(sink, log, { journal, ...(whenFull === undefined ? {} : { whenFull }) });
    };
    this.#outboxes = new Map(sinks.map((sink) => [sink.name, outboxOf(sink)]));
    for (const outbox of this.#outboxes.values()) outbox.start();
  }

  /** All or none. Throws `LIMIT_EXCEEDED` when too much is waiting. */
  add(receipts: readonly StampedReceipt[]): void {
    const grouped = [...Map.groupBy(receipts, ({ trustDomain }) => trustDomain)].map(
      ([name, group]) => [this.#outbox(name), group] as const,
    );
    if (!grouped.every(([outbox, group]) => outbox.hasRoom(group)))
      throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the server');
    for (const [outbox, group] of grouped) outbox.add(group);
  }

  /**
   * Receipts of callers that no entry matches have a small share: whoever opens the socket can make them, and must not be able to stop
   * the enforcement points of the node by filling the queue.
   */
  addDenial(receipt: StampedReceipt): void {
    this.#outbox(receipt.trustDomain).add([receipt], LIMITS.agentDenials.value);
  }

  /** Why no receipt of a trust domain can be kept; undefined while they can. */
  troubleOf(trustDomain: string): Fault | undefined {
    return this.#outboxes.get(trustDomain)?.trouble();
  }

  async close(): Promise<void> {
    const closing = Promise.all([...this.#outboxes.values()].map((outbox) => outbox.close()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MILLIS);
    });
    await Promise.race([closing, late]);
    clearTimeout(timer);
  }

  #outbox(trustDomain: string): Outbox {
    const outbox = this.#outboxes.get(trustDomain);
    if (outbox === undefined) throw new Fault('ARGUMENT_INVALID', 'this agent does not serve the trust domain');
    return outbox;
  }
}
