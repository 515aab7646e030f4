import { type Clock, equalSecrets, Fault, type Random, randomBase64url } from '#kernel';
import { type Cookie, findCookie, LOGIN_COOKIE_PREFIX } from './cookies.ts';
import { hash } from './sessions.ts';

/** What a sign-in remembers between leaving for the provider and coming back. */
export interface LoginAttempt {
  readonly verifier: string;
  readonly nonce: string;
  readonly redirectUri: string;
  readonly returnTo: string;
}

export interface LoginAttemptsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly limit: number;
  readonly perBrowser: number;
  readonly lifetimeSeconds: number;
}

interface Kept extends LoginAttempt {
  readonly cookieName: string;
  readonly binding: string;
  readonly expiresAt: number;
}

/**
 * Sign-ins under way. Each has a `state` of its own and a cookie of its own, so that parallel tabs work, and is answered once, by the browser
 * that began it (RFC 9700 §4.7). Only hashes of state and cookie are kept.
 */
export class LoginAttempts {
  readonly #options: LoginAttemptsOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: LoginAttemptsOptions) {
    this.#options = options;
  }

  /** Begins one; the browser's oldest give way beyond its limit. Throws `RATE_LIMITED` when too many are under way in all. */
  begin(attempt: LoginAttempt, cookies: readonly Cookie[]): BegunLogin {
    const { clock, random, limit, perBrowser, lifetimeSeconds } = this.#options;
    this.#dropEnded();
    const dropped = this.#dropOldest(cookies, perBrowser - 1);
    if (this.#kept.size >= limit) throw new Fault('RATE_LIMITED', 'too many sign-ins are under way');
    const state = randomBase64url(random, 32);
    const binding = randomBase64url(random, 32);
    const cookieName = `${LOGIN_COOKIE_PREFIX}${hash(`name:${state}`).slice(0, 16)}`;
    const expiresAt = clock.now() + lifetimeSeconds * 1000;
    this.#kept.set(hash(state), { ...attempt, cookieName, binding: hash(binding), expiresAt });
    return { state, cookie: { name: cookieName, value: binding }, dropped };
  }

  /** Takes the attempt of a `state`, once. Throws `LOGIN_STATE_MISMATCH` when it is unknown, too old, or of another browser. */
  take(state: string | null, cookies: readonly Cookie[]): LoginAttempt & { readonly cookieName: string } {
    const key = hash(state ?? '');
    const kept = this.#kept.get(key);
    if (kept === undefined || this.#options.clock.now() >= kept.expiresAt) throw mismatch();
    const cookie = findCookie(cookies, kept.cookieName);
    if (cookie === undefined || !equalSecrets(hash(cookie), kept.binding)) throw mismatch();
    this.#kept.delete(key);
    return kept;
  }

  #dropEnded(): void {
    const now = this.#options.clock.now();
    for (const [key, { expiresAt }] of this.#kept) if (now >= expiresAt) this.#kept.delete(key);
  }

  /** Names of cookies whose attempts are no longer kept. */
  #dropOldest(cookies: readonly Cookie[], most: number): readonly string[] {
    const names = cookies.map(({ name }) => name).filter((name) => name.startsWith(LOGIN_COOKIE_PREFIX));
    const mine = [...this.#kept].filter(([, kept]) =>
      cookies.some(({ name, value }) => name === kept.cookieName && equalSecrets(hash(value), kept.binding)),
    );
    const gone = mine.slice(0, Math.max(0, mine.length - most));
    for (const [key] of gone) this.#kept.delete(key);
    const live = new Set(mine.slice(gone.length).map(([, kept]) => kept.cookieName));
    return names.filter((name) => /^[\w-]+$/.test(name) && !live.has(name)).slice(0, 20);
  }
}

export interface BegunLogin {
  readonly state: string;
  readonly cookie: Cookie;
  /** Cookies to clear: their sign-ins are over. */
  readonly dropped: readonly string[];
}

function mismatch(): Fault {
  return new Fault('LOGIN_STATE_MISMATCH', 'the sign-in does not belong to this browser or took too long');
}
