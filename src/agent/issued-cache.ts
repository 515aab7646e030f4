import type { Clock } from '#kernel';
import type { EntryResource } from '#wire';

/** What was issued for an entry. */
export interface Issued {
  readonly spiffeId: string;
  /** Milliseconds. */
  readonly renewAt: number;
  /** Before this nobody accepts it: it is of the future when the clock was set back. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Wanted<T extends Issued> {
  readonly entry: EntryResource;
  /** What the answer depends on besides the entry, such as the audiences. */
  readonly variant: string;
  readonly issue: () => Promise<T>;
  /** Against the present bundle: `replace` when it is to be replaced and still verifies, `void` when it does not verify any more. */
  readonly judge: (held: T) => 'good' | 'replace' | 'void';
}

export interface IssuedCacheOptions {
  readonly clock: Clock;
  /** Beyond this the least recently used are let go; those that somebody still holds are found again all the same. */
  readonly limit: number;
}

interface Cached<T> {
  readonly cause: string;
  readonly value: T;
  /** When it came, milliseconds. */
  readonly since: number;
}

const RETRY_MILLIS = 1000;
/** What relying parties allow for clocks that disagree: a token from further in the future is refused. */
const SKEW_MILLIS = 60_000;

/**
 * What was issued, by entry and variant: until its renewal is due, the entry changes or the bundle voids it. One request for callers at
 * once, and callers of a changed entry never get what was asked for before the change. While nothing can be issued the old one is given, as
 * long as it is valid and still the entry's identity.
 */
export class IssuedCache<T extends Issued> {
  readonly #options: IssuedCacheOptions;
  /** In order of use, the oldest first. */
  readonly #cached = new Map<string, Cached<T>>();
  /** Let go, but held by a stream that gave it out: were it forgotten, the next change would renew all of them at once. */
  readonly #released = new Map<string, WeakRef<T>>();
  readonly #circumstances = new WeakMap<T, Omit<Cached<T>, 'value'>>();
  readonly #issuing = new Map<string, Promise<T>>();
  readonly #collected = new FinalizationRegistry<string>((key) => {
    if (this.#released.get(key)?.deref() === undefined) this.#released.delete(key);
  });

  constructor(options: IssuedCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#cached.size;
  }

  /** At once while what is held is good. */
  get(wanted: Wanted<T>): T | Promise<T> {
    const key = `${wanted.entry.id}\n${wanted.variant}`;
    const cause = textOf(wanted.entry);
    const cached = this.#find(key);
    const judged = cached === undefined ? 'void' : wanted.judge(cached.value);
    const now = this.#options.clock.now();
    if (cached !== undefined && cached.cause === cause && judged === 'good' && isFresh(cached, now))
      return cached.value;
    const old = judged === 'void' ? undefined : cached?.value;
    return this.#issueOnce(key, cause, wanted).catch((error: unknown) => {
      const at = this.#options.clock.now();
      if (old === undefined || old.spiffeId !== wanted.entry.spiffeId) throw error;
      if (at < old.notBefore || at >= old.notAfter) throw error;
      return { ...old, renewAt: Math.min(at + RETRY_MILLIS, old.notAfter) };
    });
  }

  /** Forgets what was issued for entries that are gone, keys included. */
  keep(isLive: (entryId: string) => boolean): void {
    for (const map of [this.#cached, this.#released])
      for (const key of map.keys()) if (!isLive(key.slice(0, key.indexOf('\n')))) map.delete(key);
  }

  #find(key: string): Cached<T> | undefined {
    const cached = this.#cached.get(key);
    if (cached !== undefined) {
      this.#cached.delete(key);
      this.#cached.set(key, cached);
      return cached;
    }
    const value = this.#released.get(key)?.deref();
    const rest = value === undefined ? undefined : this.#circumstances.get(value);
    if (value === undefined || rest === undefined) return undefined;
    const again = { ...rest, value };
    this.#put(key, again);
    return again;
  }

  #put(key: string, cached: Cached<T>): void {
    this.#released.delete(key);
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    for (const [oldest, { value, ...rest }] of this.#cached) {
      if (this.#cached.size <= this.#options.limit) break;
      this.#cached.delete(oldest);
      this.#circumstances.set(value, rest);
      this.#released.set(oldest, new WeakRef(value));
      this.#collected.register(value, oldest);
    }
  }

  #issueOnce(key: string, cause: string, wanted: Wanted<T>): Promise<T> {
    const flight = `${key}\n${cause}`;
    const running = this.#issuing.get(flight);
    if (running !== undefined) return running;
    const issuing = wanted
      .issue()
      .then((value) => {
        this.#put(key, { cause, value, since: this.#options.clock.now() });
        return value;
      })
      .finally(() => this.#issuing.delete(flight));
    this.#issuing.set(flight, issuing);
    return issuing;
  }
}

/** Not before its renewal, and not of the future: the clock may have been set back since. */
function isFresh<T extends Issued>({ value, since }: Cached<T>, now: number): boolean {
  return since - SKEW_MILLIS <= now && now < value.renewAt;
}

const texts = new WeakMap<EntryResource, string>();

/** The whole entry; an entry is one object until the server sends it again. */
function textOf(entry: EntryResource): string {
  let text = texts.get(entry);
  if (text === undefined) {
    text = JSON.stringify(entry);
    texts.set(entry, text);
  }
  return text;
}
