import { Fault } from '#kernel';

interface Waiting {
  readonly go: () => void;
}

/** So many at once, and those that wait in the order in which they came. */
export class Slots {
  #free: number;
  readonly #limit: number;
  readonly #waiting = new Set<Waiting>();

  constructor(count: number, waitingLimit: number) {
    this.#free = count;
    this.#limit = waitingLimit;
  }

  /** Settles when there is room; undefined when there is at once. Rejects with the signal's reason. Throws `LIMIT_EXCEEDED` when too many wait. */
  take(signal?: AbortSignal): Promise<void> | undefined {
    if (signal?.aborted) throw signal.reason;
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    if (this.#waiting.size >= this.#limit) throw new Fault('LIMIT_EXCEEDED', 'too many requests wait for the service');
    return this.#wait(signal);
  }

  /** Once for each `take` that was met. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else next.go();
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting);
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        leave();
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        go: () => {
          leave();
          resolve();
        },
      };
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
