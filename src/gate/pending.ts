import type { Clock } from '#kernel';

const IDLE_MILLIS = 30_000;
/** Bind, Describe, Execute, Close, Flush, Parse. */
const EXTENDED = 'BDECHP';

/** What a client has been promised and not yet given: a ReadyForQuery for each query and each Sync. */
export class Pending {
  /** Of the last ReadyForQuery: `I` idle, `T` in a transaction, `E` in one that has failed. */
  status = 'I';
  readonly #clock: Clock;
  #outstanding = 0;
  /** Extended-protocol messages have come since the last Sync. */
  #unsynced = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The server works, or would be asked to when the client goes on. */
  get isBusy(): boolean {
    return this.#outstanding > 0 || this.#unsynced;
  }

  onForward(type: string): void {
    if (type === 'Q' || type === 'S' || type === 'F') this.#outstanding += 1;
    this.#unsynced = type !== 'S' && (this.#unsynced || EXTENDED.includes(type));
  }

  onReady(): void {
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    if (this.#outstanding === 0) this.#wake?.();
  }

  /** While it copies in, the server drops the Sync that came with the statement. */
  onCopyIn(): void {
    if (this.#outstanding > 1) this.#outstanding -= 1;
  }

  /** True when everything that was forwarded has been answered; false when that cannot be or takes too long. */
  async untilIdle(): Promise<boolean> {
    if (this.#unsynced) return false;
    if (this.#outstanding === 0) return true;
    await new Promise<void>((go) => {
      const late = this.#clock.after(IDLE_MILLIS, go);
      this.#wake = () => {
        late.cancel();
        go();
      };
    });
    this.#wake = undefined;
    return this.#outstanding === 0;
  }

  abandon(): void {
    this.#wake?.();
  }
}
