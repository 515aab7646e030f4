import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { mintToken } from '#jwt';
import { type Clock, Fault, faultCode, type Log, unixSeconds } from '#kernel';
import type { MinterResource, TokenKind } from '#wire';
import type { EdgeWorkload } from './edge-workload.ts';

export interface MintersOptions {
  readonly workload: EdgeWorkload;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: readonly TokenKind[];
}

/** A key of the edge for one trust domain, as that trust domain's authority registered it. */
export interface Minter {
  readonly kid: string;
  readonly key: KeyObject;
  readonly issuer: string;
  readonly maxLifetimeSeconds: number;
  /** Unix seconds. */
  readonly notAfter: number;
  /** Milliseconds from which another key is registered. */
  readonly renewAt: number;
}

/** Another registration is asked for at most this often when a service says that it knows no such minter. */
const UNKNOWN_MILLIS = 2000;
const generate = promisify(generateKeyPair);

/** One signing key for each trust domain, made here, never written down, registered before its first token and replaced at half of its time. */
export class Minters {
  readonly #options: MintersOptions;
  readonly #current = new Map<string, Minter>();
  readonly #registering = new Map<string, Promise<Minter>>();
  readonly #askedAt = new Map<string, number>();

  constructor(options: MintersOptions) {
    this.#options = options;
  }

  /** The minter of a trust domain. Throws `MINTER_NOT_AUTHORIZED` or why it could not be registered. */
  async current(trustDomain: string): Promise<Minter> {
    const known = this.#current.get(trustDomain);
    const now = this.#options.clock.now();
    if (known === undefined || now >= known.notAfter * 1000) return this.#register(trustDomain);
    if (now >= known.renewAt) this.#renew(trustDomain);
    return known;
  }

  sign(minter: Minter, kind: TokenKind, claims: Readonly<Record<string, unknown>>): Promise<string> {
    return mintToken({ kind, claims, kid: minter.kid, key: minter.key });
  }

  /** A service did not know the key: the registration is made again. */
  async unknown(trustDomain: string): Promise<void> {
    const now = this.#options.clock.monotonic();
    const asked = this.#askedAt.get(trustDomain);
    if (asked !== undefined && now - asked < UNKNOWN_MILLIS) return;
    this.#askedAt.set(trustDomain, now);
    await this.#register(trustDomain);
  }

  #renew(trustDomain: string): void {
    this.#register(trustDomain).catch((error: unknown) => {
      this.#options.log.warn('minter not renewed', { trustDomain, error });
    });
  }

  #register(trustDomain: string): Promise<Minter> {
    const running = this.#registering.get(trustDomain);
    if (running !== undefined) return running;
    const registering = this.#makeMinter(trustDomain).finally(() => this.#registering.delete(trustDomain));
    this.#registering.set(trustDomain, registering);
    return registering;
  }

  async #makeMinter(trustDomain: string): Promise<Minter> {
    const { workload, clock, kinds, log } = this.#options;
    const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' });
    const jwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    const resource = await workload.registerMinter({
      trustDomain,
      publicJwk: { ...jwk, kid, alg: 'ES256', use: 'sig' },
      kinds,
    });
    assertMinter(resource, trustDomain, kid);
    const { issuer, maxLifetimeSeconds, notAfter } = resource;
    const now = unixSeconds(clock);
    const renewAt = (now + (notAfter - now) / 2) * 1000;
    const minter: Minter = { kid, key: privateKey, issuer, maxLifetimeSeconds, notAfter, renewAt };
    this.#current.set(trustDomain, minter);
    log.info('minter registered', { trustDomain, kid, notAfter });
    return minter;
  }
}

function assertMinter(resource: MinterResource, trustDomain: string, kid: string): void {
  const { notAfter, maxLifetimeSeconds, issuer } = resource;
  const complete = typeof issuer === 'string' && Number.isFinite(notAfter) && maxLifetimeSeconds > 0;
  if (resource.kid !== kid || resource.trustDomain !== trustDomain || !complete)
    throw new Fault('MINTER_NOT_AUTHORIZED', 'the registration is not of this key and trust domain');
}

/** Registers at start, again while server or agent are not ready; a trust domain that does not grant it ends the start. */
export async function registerAtStart(
  minters: Minters,
  trustDomains: readonly string[],
  patience: Patience,
): Promise<void> {
  const deadline = patience.clock.monotonic() + patience.millis;
  for (const trustDomain of trustDomains) {
    for (;;) {
      try {
        await minters.current(trustDomain);
        break;
      } catch (error) {
        const code = faultCode(error);
        if (patience.clock.monotonic() > deadline) throw error;
        patience.log.warn('minter not registered yet', { trustDomain, code });
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }
}

export interface Patience {
  readonly clock: Clock;
  readonly log: Log;
  readonly millis: number;
}
