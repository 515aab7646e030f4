import { type Clock, Fault } from '#kernel';
import type { LimitName } from './access.ts';

/** Tokens a second, and the burst, for each source address; 0 switches a limit off. */
export type RateLimits = Readonly<Record<LimitName, number>>;

export const DEFAULT_RATE_LIMITS: RateLimits = {
  attestation: 1,
  /** Of our own agents, by `hauberk.sync.v1`. */
  syncAttestation: 200,
  renewal: 500,
  status: 10,
  publish: 500,
  x509: 500,
  jwt: 500,
  wit: 500,
};

/** A caller waits no longer than this for its turn; the rest of a flood is refused at once. */
const MAX_WAIT_MILLIS = 10_000;
/** Full buckets are forgotten beyond this many, so that a scan of addresses costs no memory. */
const MAX_BUCKETS = 10_000;

interface Bucket {
  /** Below zero: promised to callers that wait. */
  tokens: number;
  at: number;
}

/** One token bucket per limit and source address. A caller waits for its turn rather than being refused, within a bound. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: RateLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes `count` tokens. Throws `RATE_LIMITED` when they can never be had at once, or not soon. */
  async take(name: LimitName, address: string, count: number, signal: AbortSignal): Promise<void> {
    const limit = this.#limits[name];
    if (limit === 0 || count === 0) return;
    if (count > limit) throw new Fault('RATE_LIMITED', `rate (${count}) exceeds burst size (${limit})`);
    const bucket = this.#refill(`${name}\n${address}`, limit);
    const waitMillis = bucket.tokens >= count ? 0 : ((count - bucket.tokens) / limit) * 1000;
    if (waitMillis > MAX_WAIT_MILLIS) throw new Fault('RATE_LIMITED', 'too many requests from this address');
    bucket.tokens -= count;
    if (waitMillis > 0) await this.#wait(waitMillis, signal);
  }

  #refill(key: string, limit: number): Bucket {
    const now = this.#clock.monotonic();
    const found = this.#buckets.get(key);
    if (found !== undefined) {
      found.tokens = Math.min(limit, found.tokens + ((now - found.at) / 1000) * limit);
      found.at = now;
      return found;
    }
    if (this.#buckets.size >= MAX_BUCKETS) this.#sweep(now);
    const bucket = { tokens: limit, at: now };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Nobody's promise is forgotten: a bucket of a second ago is full unless callers wait for it. */
  #sweep(now: number): void {
    for (const [key, bucket] of this.#buckets)
      if (bucket.tokens >= 0 && now - bucket.at > 1000) this.#buckets.delete(key);
  }

  #wait(millis: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(millis, () => {
        signal.removeEventListener('abort', gone);
        resolve();
      });
      const gone = (): void => {
        timer.cancel();
        reject(new Fault('DEADLINE_EXCEEDED', 'the caller left before its turn'));
      };
      if (signal.aborted) gone();
      else signal.addEventListener('abort', gone, { once: true });
    });
  }
}
