/** Something that was opened and must be closed. Closing twice is harmless. */
export interface Closeable {
  close(): Promise<void>;
}

/** Collects what was opened and closes it in reverse order; every closer runs, the first failure is thrown at the end. */
export class Lifecycle implements Closeable {
  readonly #closers: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  /** Registers a closer; returns what was opened, so that opening and registering are one expression. */
  own<T extends Closeable>(opened: T): T {
    this.#closers.push(() => opened.close());
    return opened;
  }

  defer(closer: () => Promise<void> | void): void {
    this.#closers.push(closer);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    let failure: unknown;
    for (const closer of this.#closers.reverse()) {
      try {
        await closer();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}
