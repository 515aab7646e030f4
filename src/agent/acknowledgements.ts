import type { SyncRequest } from '#wire/gen/hauberk_sync';

export const PROTOCOL_VERSION = 1;

/** The requests of a sync stream: where to resume (nothing is held: 0), then each revision that was applied. */
export class Acknowledgements implements AsyncIterable<SyncRequest> {
  readonly #trustDomain: string;
  readonly #signal: AbortSignal;
  readonly #pending: bigint[] = [0n];
  #wake: () => void = () => {};

  constructor(trustDomain: string, signal: AbortSignal) {
    this.#trustDomain = trustDomain;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  push(revision: bigint): void {
    this.#pending.push(revision);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SyncRequest> {
    while (!this.#signal.aborted) {
      const revision = this.#pending.shift();
      if (revision !== undefined) yield { trustDomain: this.#trustDomain, protocolVersion: PROTOCOL_VERSION, revision };
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
