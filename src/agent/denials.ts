import { newLink, type Receipt } from '#chain';
import type { Clock, Random } from '#kernel';
import { encodeReceipt } from './receipt.ts';
import type { ReceiptQueue } from './receipt-queue.ts';

/** A process that asks over and over within this time is told the same id: one receipt tells of all of it. */
const SAME_MILLIS = 1000;
const MAX_REMEMBERED = 1000;
const MAX_SELECTORS = 100;

export interface DenialsOptions {
  readonly receipts: ReceiptQueue;
  /** Of the log that denials go to. */
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Receipts of callers that no entry matches. */
export class Denials {
  readonly #options: DenialsOptions;
  readonly #recent = new Map<string, { readonly id: string; readonly at: number }>();

  constructor(options: DenialsOptions) {
    this.#options = options;
  }

  /** Returns the id that the caller is told. Throws `LIMIT_EXCEEDED` when too many wait for the server. */
  note(pid: number, selectors: readonly string[]): string {
    const now = this.#options.clock.monotonic();
    const who = `${pid} ${selectors.join(' ')}`;
    const before = this.#recent.get(who);
    if (before !== undefined && now - before.at < SAME_MILLIS) return before.id;
    const receipt = this.#receipt(pid, selectors);
    this.#options.receipts.addDenial(encodeReceipt(receipt));
    if (this.#recent.size >= MAX_REMEMBERED) this.#recent.clear();
    this.#recent.set(who, { id: receipt.id, at: now });
    return receipt.id;
  }

  #receipt(pid: number, selectors: readonly string[]): Receipt {
    const { random, clock, trustDomain } = this.#options;
    return {
      ...newLink(random),
      kind: 'workload-api',
      trustDomain,
      effect: 'deny',
      code: 'IDENTITY_NO_ENTRY',
      startedAt: new Date(clock.now()).toISOString(),
      durationUs: 0,
      detail: { pid, selectors: selectors.slice(0, MAX_SELECTORS) },
    };
  }
}
