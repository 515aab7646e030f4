import { Fault } from '#kernel';

/** Made once: a reason with a stack for every call would cost as much as the rest of it. */
const ENDED = new Fault('UPSTREAM_UNAVAILABLE', 'the call has ended');

/** Whether a call has ended; a signal of it is made for those who ask for one, for most calls end before anybody does. */
export class CallEnd {
  #ended = false;
  #controller: AbortController | undefined;

  get ended(): boolean {
    return this.#ended;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ended) this.#controller.abort(ENDED);
    }
    return this.#controller.signal;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#controller?.abort(ENDED);
  }
}
