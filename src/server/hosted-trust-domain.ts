import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Authority, type IssuedX509Svid } from '#authority';
import type { Clock, Closeable, Scheduled } from '#kernel';
import { isTainted, parseTrustDomain, SpiffeId, type TrustDomain, type X509BundleSet, x509Bundle } from '#spiffe';
import type { BundleResource, TrustDomainResource } from '#wire';
import { pemCertificates } from '#x509';
import { type AuthorityPlace, openAuthorityParts } from './authority-parts.ts';

const SERVER_SVID_SECONDS = 3600;
const REFRESH_HINT_SECONDS = 300;
const PROBE_SECONDS = 60;

/** The server's own X509-SVID in a trust domain. */
export interface ServerIdentity {
  /** PEM, as the certificate. */
  readonly key: string;
  readonly cert: string;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** One trust domain with its authority and the server's own identity in it. */
export class HostedTrustDomain implements Closeable {
  readonly name: TrustDomain;
  readonly authority: Authority;
  readonly #clock: Clock;
  readonly #key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  #context: SecureContext | undefined;
  #identity: ServerIdentity | undefined;
  #bundles: { readonly of: object; readonly set: X509BundleSet } | undefined;
  #timer: Scheduled | undefined;

  private constructor(name: TrustDomain, authority: Authority, clock: Clock) {
    this.name = name;
    this.authority = authority;
    this.#clock = clock;
  }

  static async open(
    resource: TrustDomainResource,
    place: AuthorityPlace & { readonly jwtIssuer: () => string | undefined },
  ): Promise<HostedTrustDomain> {
    const { clock, random, sequenceFloor, jwtIssuer } = place;
    const trustDomain = parseTrustDomain(resource.name);
    const parts = await openAuthorityParts(trustDomain, place);
    const { caTtlSeconds } = resource;
    const authority = new Authority({ ...parts, trustDomain, clock, random, caTtlSeconds, sequenceFloor, jwtIssuer });
    const hosted = new HostedTrustDomain(trustDomain, authority, clock);
    try {
      await authority.ready();
      await hosted.#renew();
    } catch (error) {
      await hosted.close();
      throw error;
    }
    // Not waited for: what is waited for here holds up the authority.
    authority.onBundleChange((bundle) => {
      if (isTainted(hosted.#identity?.chain ?? [], bundle.taintedX509Authorities))
        void hosted.#renew().catch(() => undefined);
    });
    return hosted;
  }

  bundle(): BundleResource {
    return { ...this.authority.bundle(), refreshHintSeconds: REFRESH_HINT_SECONDS };
  }

  bundles(): X509BundleSet {
    const bundle = this.authority.bundle();
    if (this.#bundles?.of === bundle) return this.#bundles.set;
    const ders = bundle.x509Authorities.map((text) => Buffer.from(text, 'base64'));
    const set = new Map([[this.name, x509Bundle(this.name, ders)]]);
    this.#bundles = { of: bundle, set };
    return set;
  }

  /** The server's certificate in this trust domain; undefined when it has expired and a new one is under way. */
  secureContext(): SecureContext | undefined {
    return this.identity() === undefined ? undefined : this.#context;
  }

  /** The same certificate with its key; another object after each renewal. */
  identity(): ServerIdentity | undefined {
    const now = this.#clock.now();
    const held = this.#identity;
    // One of the future was made before the clock was set back.
    if (held !== undefined && held.notBefore <= now && now < held.notAfter) return held;
    // A failure here denies this handshake; the next one tries again.
    void this.#renew().catch(() => undefined);
    return undefined;
  }

  /** Issues a certificate that nobody gets and validates it, as for a workload. Throws `IDENTITY_UNAVAILABLE`. */
  async probe(): Promise<void> {
    await this.#issue(PROBE_SECONDS);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.authority.close();
  }

  async #renew(): Promise<void> {
    this.#timer?.cancel();
    const issued = await this.#issue(SERVER_SVID_SECONDS);
    const key = this.#key.export({ type: 'pkcs8', format: 'pem' });
    const cert = pemCertificates(issued.chain);
    this.#context = createSecureContext({ key, cert, minVersion: 'TLSv1.2' });
    const { chain, notBefore, notAfter } = issued;
    this.#identity = { key, cert, chain, notBefore, notAfter };
    const half = this.#clock.now() + (issued.notAfter - this.#clock.now()) / 2;
    this.#timer = this.#clock.at(half, () => void this.#renew().catch(() => undefined));
  }

  #issue(ttlSeconds: number): Promise<IssuedX509Svid> {
    const publicKeySpki = createPublicKey(this.#key).export({ type: 'spki', format: 'der' });
    const id = SpiffeId.of(this.name, '/spire/server');
    return this.authority.issueX509Svid({ id, publicKeySpki, ttlSeconds });
  }
}
