import type { WatchRequest } from '#wire/gen/hauberk_workload';

/** The requests of one watch stream: an empty one to begin with, then each revision once it has been applied. */
export class Acknowledgements implements AsyncIterable<WatchRequest> {
  readonly #signal: AbortSignal;
  readonly #waiting: WatchRequest[] = [{ acknowledge: undefined, takesParts: true }];
  #wake: () => void = () => {};

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  push(trustDomain: string, revision: bigint): void {
    this.#waiting.push({ acknowledge: { trustDomain, revision }, takesParts: true });
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchRequest> {
    while (!this.#signal.aborted) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
