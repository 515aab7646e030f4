import { hash as digest } from 'node:crypto';
import { type Clock, Fault, type Random, randomBase64url } from '#kernel';
import type { User } from './identity-rules.ts';

/** A signed-in user. Its cookie is not in it. */
export interface Session {
  /** Public name of the session, `sid` of tokens: a hash of the cookie. */
  readonly sid: string;
  readonly user: User;
  /** Milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Internal JWTs minted for it, by audience and profile. */
  readonly tokens: Map<string, CachedToken>;
}

export interface CachedToken {
  readonly token: string;
  readonly kid: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Milliseconds; before that (the clock was set back) and from `renewAt` on another is minted. */
  readonly mintedAt: number;
  readonly renewAt: number;
}

export interface SessionsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly lifetimeSeconds: number;
  readonly idleSeconds: number;
  readonly limit: number;
}

interface Kept {
  readonly session: Session;
  lastUsedAt: number;
}

/** Sessions in memory, found by the hash of an opaque 256-bit cookie: a reader of the memory or of a dump cannot make a cookie of it. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** A new session with a cookie of its own, whatever the browser sent before. Throws `LIMIT_EXCEEDED`. */
  create(user: User): { readonly cookie: string; readonly session: Session } {
    const { clock, random, lifetimeSeconds, limit } = this.#options;
    if (this.#kept.size >= limit) this.#dropEnded();
    if (this.#kept.size >= limit) throw new Fault('LIMIT_EXCEEDED', 'too many sessions at once');
    const cookie = randomBase64url(random, 32);
    const key = hash(cookie);
    const now = clock.now();
    const expiresAt = now + lifetimeSeconds * 1000;
    const session: Session = {
      sid: hash(`sid:${key}`).slice(0, 22),
      user,
      createdAt: now,
      expiresAt,
      tokens: new Map(),
    };
    this.#kept.set(key, { session, lastUsedAt: now });
    return { cookie, session };
  }

  /** The live session of a cookie; throws `SESSION_EXPIRED` for one that has ended, which is forgotten. */
  find(cookie: string): Session | undefined {
    const key = hash(cookie);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (this.#hasEnded(kept)) {
      this.#kept.delete(key);
      throw new Fault('SESSION_EXPIRED', 'the session has expired');
    }
    kept.lastUsedAt = this.#options.clock.now();
    return kept.session;
  }

  end(cookie: string): void {
    this.#kept.delete(hash(cookie));
  }

  #hasEnded({ session, lastUsedAt }: Kept): boolean {
    const now = this.#options.clock.now();
    return now >= session.expiresAt || now >= lastUsedAt + this.#options.idleSeconds * 1000;
  }

  #dropEnded(): void {
    for (const [key, kept] of this.#kept) if (this.#hasEnded(kept)) this.#kept.delete(key);
  }
}

export function hash(secret: string): string {
  return digest('sha256', secret, 'base64url');
}
