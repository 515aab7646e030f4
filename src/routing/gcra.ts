import type { Clock } from '#kernel';

export interface GcraOptions {
  readonly clock: Clock;
  /** Sustained requests a second. */
  readonly perSecond: number;
  /** Requests at once. */
  readonly burst: number;
  /** Keys remembered at once; when all of them are in use, a new key is refused. */
  readonly keys: number;
}

/** Generic cell rate algorithm: a smooth limit for each key, with one number of state and no window to straddle. */
export class Gcra {
  readonly #options: GcraOptions;
  readonly #arrival = new Map<string, number>();

  constructor(options: GcraOptions) {
    this.#options = options;
  }

  /** Undefined when the request conforms, else the seconds to wait. */
  findWaitSeconds(key: string): number | undefined {
    const { clock, perSecond, burst } = this.#options;
    const now = clock.monotonic();
    const interval = 1000 / perSecond;
    const due = Math.max(now, this.#arrival.get(key) ?? now);
    const early = due - now - interval * (burst - 1);
    if (early > 0) return Math.ceil(early / 1000);
    if (!this.#arrival.has(key) && !this.#makeRoom(now)) return 1;
    this.#arrival.set(key, due + interval);
    return undefined;
  }

  #makeRoom(now: number): boolean {
    if (this.#arrival.size < this.#options.keys) return true;
    for (const [key, due] of this.#arrival) if (due <= now) this.#arrival.delete(key);
    return this.#arrival.size < this.#options.keys;
  }
}
