import type { SyncRequest } from '#wire/gen/hauberk_sync';

export const PROTOCOL_VERSION = 1;

/** What an agent holds when its stream opens. */
export interface Held {
  readonly revision: bigint;
  readonly digest: Uint8Array;
}

const NOTHING = Buffer.alloc(0);

/** The requests of a sync stream: what is held and where to resume, then each revision that was applied. */
export class Acknowledgements implements AsyncIterable<SyncRequest> {
  readonly #trustDomain: string;
  readonly #signal: AbortSignal;
  readonly #pending: Held[];
  #wake: () => void = () => {};

  constructor(trustDomain: string, held: Held, signal: AbortSignal) {
    this.#trustDomain = trustDomain;
    this.#pending = [held];
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  push(revision: bigint): void {
    this.#pending.push({ revision, digest: NOTHING });
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SyncRequest> {
    while (!this.#signal.aborted) {
      const held = this.#pending.shift();
      const common = { trustDomain: this.#trustDomain, protocolVersion: PROTOCOL_VERSION, takesParts: true };
      if (held !== undefined) yield { ...common, ...held };
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
