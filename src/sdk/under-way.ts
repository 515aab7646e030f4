import { type Fault, toFault } from '#kernel';

interface OneUnderWay {
  /** Throws when the request would not be let in now. */
  readonly judge: () => void;
  readonly end: (fault: Fault) => void;
}

/** Requests whose handlers run. When what admitted them is no longer so, they end. */
export class UnderWay {
  readonly #all = new Set<OneUnderWay>();

  /** Runs `work` until it is done, or until `judge` says no after a change: then the promise rejects with its fault. */
  async run<T>(judge: () => void, work: () => Promise<T>, abort: AbortController): Promise<T> {
    const ended = Promise.withResolvers<never>();
    const one: OneUnderWay = {
      judge,
      end: (fault) => {
        ended.reject(fault);
        abort.abort(fault);
      },
    };
    this.#all.add(one);
    try {
      return await Promise.race([work(), ended.promise]);
    } finally {
      this.#all.delete(one);
    }
  }

  /** Bundles, policies or revocations have changed. */
  recheck(): void {
    for (const one of [...this.#all]) {
      try {
        one.judge();
      } catch (error) {
        one.end(toFault(error));
      }
    }
  }
}
