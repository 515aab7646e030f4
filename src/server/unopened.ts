import {
  type Clock,
  type Fault,
  faultCode,
  type Log,
  type Random,
  randomFraction,
  type Scheduled,
  toFault,
} from '#kernel';

/** What another machine has to answer. Whatever else is wrong is the operator's to mend, and the server says it and ends. */
const PASSING: readonly (string | undefined)[] = ['UPSTREAM_AUTHORITY_UNAVAILABLE', 'KEY_SERVICE_UNAVAILABLE'];
const FIRST_MILLIS = 1000;
const LONGEST_MILLIS = 60_000;

/** True for what may be otherwise in a moment. */
export function isPassing(error: unknown): boolean {
  return PASSING.includes(faultCode(error));
}

interface Waiting {
  readonly fault: Fault;
  readonly attempts: number;
  readonly timer?: Scheduled;
}

export interface UnopenedOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Opens the trust domain; throws what stands in the way. */
  readonly open: (trustDomain: string) => Promise<void>;
}

/** Trust domains whose authority could not be opened: why, and when it is tried again. The others do not wait for them. */
export class UnopenedTrustDomains {
  readonly #options: UnopenedOptions;
  readonly #waiting = new Map<string, Waiting>();
  #closed = false;

  constructor(options: UnopenedOptions) {
    this.#options = options;
  }

  /** Why a trust domain is not open; undefined where it is, or is not known. */
  faultOf(trustDomain: string): Fault | undefined {
    return this.#waiting.get(trustDomain)?.fault;
  }

  list(): readonly { readonly name: string; readonly fault: Fault }[] {
    return [...this.#waiting].map(([name, { fault }]) => ({ name, fault }));
  }

  /** It is tried again: after a second, then after twice as long each time, up to a minute. */
  add(trustDomain: string, error: unknown): void {
    if (this.#closed) return;
    const { clock, random, log } = this.#options;
    const before = this.#waiting.get(trustDomain);
    before?.timer?.cancel();
    const attempts = (before?.attempts ?? 0) + 1;
    const longest = Math.min(LONGEST_MILLIS, FIRST_MILLIS * 2 ** (attempts - 1));
    // Jitter: servers that lost the same key service do not come back to it all at once.
    const millis = longest * (1 - randomFraction(random) / 4);
    const timer = clock.after(millis, () => void this.#retry(trustDomain));
    this.#waiting.set(trustDomain, { fault: toFault(error), attempts, timer });
    log.error('trust domain not opened, tried again later', { trustDomain, attempts, error });
  }

  forget(trustDomain: string): void {
    this.#waiting.get(trustDomain)?.timer?.cancel();
    this.#waiting.delete(trustDomain);
  }

  close(): void {
    this.#closed = true;
    for (const name of [...this.#waiting.keys()]) this.forget(name);
  }

  async #retry(trustDomain: string): Promise<void> {
    try {
      await this.#options.open(trustDomain);
      this.forget(trustDomain);
    } catch (error) {
      // It may have been removed meanwhile.
      if (this.#waiting.has(trustDomain)) this.add(trustDomain, error);
    }
  }
}
