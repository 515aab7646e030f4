import type { Clock, Scheduled } from '#kernel';
import type { Committed } from './committed.ts';
import type { Logs } from './logs.ts';
import type { Retries } from './retries.ts';
import type { PendingReceipt, Store } from './store.ts';

/** Where receipts of commits go: they are written with the commit, and handed on until the ledger has taken them. */
export interface ReceiptOutlet {
  describe(committed: Committed, by: string): readonly PendingReceipt[];
  /** Appends receipts to the ledger, whatever of them it has already. */
  deliver(receipts: readonly PendingReceipt[]): Promise<void>;
}

export interface ReceiptDeliveryOptions {
  readonly store: Store;
  readonly logs: Logs;
  readonly clock: Clock;
  readonly retries: Retries;
  readonly outlet?: ReceiptOutlet;
}

const RECOVER_AT_ONCE = 500;
const LOOK_MILLIS = 30_000;

/** Hands receipts of commits on to the ledger, also those that a crash or a lost answer held back. */
export class ReceiptDelivery {
  readonly #options: ReceiptDeliveryOptions;
  #undelivered: readonly PendingReceipt[] = [];
  #recovering = false;
  #look: Scheduled | undefined;

  constructor(options: ReceiptDeliveryOptions) {
    this.#options = options;
  }

  /** What the ledger does not take now stays in the store, and goes with the next commit or soon. */
  async deliver(receipts: readonly PendingReceipt[]): Promise<void> {
    const { outlet, logs } = this.#options;
    const waiting = [...this.#undelivered, ...receipts];
    if (outlet === undefined || waiting.length === 0) return;
    this.#undelivered = [];
    try {
      await outlet.deliver(waiting);
      logs.forget(waiting);
    } catch (error) {
      this.#undelivered = [...waiting, ...this.#undelivered];
      this.recoverSoon();
      throw error;
    }
  }

  /** Hands on what the store holds. */
  async recover(): Promise<void> {
    const { store, outlet } = this.#options;
    if (outlet === undefined) return;
    const pending = await store.pendingReceipts(RECOVER_AT_ONCE);
    if (pending.length === 0) return;
    await this.deliver(pending);
    await store.commit({ logs: [], delivered: pending.map(({ id }) => id) });
    if (pending.length === RECOVER_AT_ONCE) await this.recover();
  }

  /** The store may hold receipts that the ledger did not take, and those of commits whose answer never came. */
  recoverSoon(): void {
    if (this.#recovering) return;
    this.#recovering = true;
    const again = (): void =>
      this.#options.retries.again(() => {
        this.#recovering = false;
        this.recoverSoon();
      });
    void this.recover().then(() => {
      this.#recovering = false;
    }, again);
  }

  /**
   * The server that wrote may be killed before the ledger has its receipts: whoever has heard of its commit looks once, a while later, and
   * hands on what is left. While nobody writes, nobody looks.
   */
  lookLater(): void {
    const { outlet, retries, clock } = this.#options;
    if (outlet === undefined || retries.isClosed) return;
    this.#look ??= clock.after(LOOK_MILLIS, () => {
      this.#look = undefined;
      this.recoverSoon();
    });
  }

  close(): void {
    this.#look?.cancel();
  }
}
