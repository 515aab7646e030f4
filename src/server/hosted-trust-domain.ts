import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Authority } from '#authority';
import type { Clock, Closeable, Random, Scheduled } from '#kernel';
import { DiskKeyManager, diskJournal } from '#plugins/key-manager/disk';
import { parseTrustDomain, SpiffeId, type TrustDomain, type X509BundleSet, x509Bundle } from '#spiffe';
import type { BundleResource, TrustDomainResource } from '#wire';
import { pemCertificates } from '#x509';

const SERVER_SVID_SECONDS = 3600;
const REFRESH_HINT_SECONDS = 300;

/** One trust domain with its authority and the server's own identity in it. */
export class HostedTrustDomain implements Closeable {
  readonly name: TrustDomain;
  readonly authority: Authority;
  readonly #clock: Clock;
  readonly #key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  #context: SecureContext | undefined;
  #contextUntil = 0;
  #timer: Scheduled | undefined;
  issued = 0n;

  private constructor(name: TrustDomain, authority: Authority, clock: Clock) {
    this.name = name;
    this.authority = authority;
    this.#clock = clock;
  }

  static async open(
    resource: TrustDomainResource,
    directory: string,
    clock: Clock,
    random: Random,
  ): Promise<HostedTrustDomain> {
    const trustDomain = parseTrustDomain(resource.name);
    const keyManager = await DiskKeyManager.open(join(directory, 'keys', trustDomain));
    const journal = diskJournal(join(directory, 'keys', trustDomain, 'authority.json'));
    const authority = new Authority({
      trustDomain,
      keyManager,
      journal,
      clock,
      random,
      caTtlSeconds: resource.caTtlSeconds,
    });
    await authority.ready();
    const hosted = new HostedTrustDomain(trustDomain, authority, clock);
    await hosted.#renew();
    return hosted;
  }

  bundle(): BundleResource {
    return { ...this.authority.bundle(), refreshHintSeconds: REFRESH_HINT_SECONDS };
  }

  bundles(): X509BundleSet {
    const ders = this.bundle().x509Authorities.map((text) => Buffer.from(text, 'base64'));
    return new Map([[this.name, x509Bundle(this.name, ders)]]);
  }

  /** The server's certificate in this trust domain; undefined when it has expired and a new one is under way. */
  secureContext(): SecureContext | undefined {
    if (this.#clock.now() < this.#contextUntil) return this.#context;
    // A failure here denies this handshake; the next one tries again.
    void this.#renew().catch(() => undefined);
    return undefined;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.authority.close();
  }

  async #renew(): Promise<void> {
    this.#timer?.cancel();
    const spki = createPublicKey(this.#key).export({ type: 'spki', format: 'der' });
    const id = SpiffeId.of(this.name, '/spire/server');
    const issued = await this.authority.issueX509Svid({ id, publicKeySpki: spki, ttlSeconds: SERVER_SVID_SECONDS });
    const key = this.#key.export({ type: 'pkcs8', format: 'pem' });
    this.#context = createSecureContext({ key, cert: pemCertificates(issued.chain), minVersion: 'TLSv1.2' });
    this.#contextUntil = issued.notAfter;
    const half = this.#clock.now() + (issued.notAfter - this.#clock.now()) / 2;
    this.#timer = this.#clock.at(half, () => void this.#renew().catch(() => undefined));
  }
}
