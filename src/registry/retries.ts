import type { Clock } from '#kernel';

const RETRY_MILLIS = 1000;

/** What could not be done now is done again soon, until nobody wants it any more. */
export class Retries {
  readonly #clock: Clock;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  again(run: () => void): void {
    if (this.#closed) return;
    this.#clock.after(RETRY_MILLIS, () => {
      if (!this.#closed) run();
    });
  }

  close(): void {
    this.#closed = true;
  }
}
