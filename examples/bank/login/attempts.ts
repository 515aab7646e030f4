/** Everybody on one machine has one address, so it may fail more often. */
const FAILURES = { account: 10, address: 100 };
const WINDOW_MILLIS = 5 * 60_000;
const MOST_KEYS = 10_000;

export interface Attempt {
  readonly account: string;
  readonly address: string;
}

/** Wrong passwords, by account and by address. Too many, and further ones are not even looked at for a while. */
export class Attempts {
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  isBlocked({ account, address }: Attempt): boolean {
    return (
      this.#count(`account ${account}`) >= FAILURES.account || this.#count(`address ${address}`) >= FAILURES.address
    );
  }

  failed({ account, address }: Attempt): void {
    for (const key of [`account ${account}`, `address ${address}`]) {
      const count = this.#count(key) + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, until: this.#now() + WINDOW_MILLIS });
    }
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= MOST_KEYS) return;
      this.#failures.delete(key);
    }
  }

  #count(key: string): number {
    const known = this.#failures.get(key);
    return known !== undefined && known.until > this.#now() ? known.count : 0;
  }
}
