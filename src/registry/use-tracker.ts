import type { Clock, Scheduled } from '#kernel';
import type { Store, Use } from './store.ts';

const FLUSH_MILLIS = 60_000;

/** When entries and federations served last, written together once a minute: a use is no change, and costs its request nothing. */
export class UseTracker {
  readonly #store: Store;
  readonly #clock: Clock;
  #used = new Map<string, Use>();
  #timer: Scheduled | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  touch(kind: Use['kind'], trustDomain: string, key: string): void {
    const lastUsedAt = Math.floor(this.#clock.now() / 1000);
    this.#used.set(`${trustDomain}\n${kind}\n${key}`, { trustDomain, kind, key, lastUsedAt });
    this.#timer ??= this.#clock.after(FLUSH_MILLIS, () => void this.flush().catch(() => undefined));
  }

  /** What is known of a trust domain, here and at other servers. */
  async of(trustDomain: string): Promise<readonly Use[]> {
    const known = new Map((await this.#store.uses(trustDomain)).map((use) => [`${use.kind}\n${use.key}`, use]));
    for (const use of this.#used.values())
      if (use.trustDomain === trustDomain) known.set(`${use.kind}\n${use.key}`, use);
    return [...known.values()];
  }

  /** Writes what has not been written; what cannot be written is kept for the next time. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const used = this.#used;
    if (used.size === 0) return;
    this.#used = new Map();
    try {
      await this.#store.recordUse([...used.values()]);
    } catch (error) {
      this.#used = new Map([...used, ...this.#used]);
      throw error;
    }
  }
}
