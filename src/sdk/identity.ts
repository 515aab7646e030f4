import { createPrivateKey } from 'node:crypto';
import { type Clock, Fault } from '#kernel';
import {
  parseTrustDomain,
  SpiffeId,
  type VerifiedX509Svid,
  verifyX509Svid,
  type X509BundleSet,
  type X509Svid,
  x509Bundle,
} from '#spiffe';
import type { X509SVIDResponse } from '#wire/gen/workloadapi';
import { splitCertificates } from '#x509';

/** The workload's X509-SVID and bundles as the Workload API last gave them. Each message replaces everything. */
export class Identity {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #svid: X509Svid | undefined;
  #bundles: X509BundleSet = new Map();
  generation = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a message whole, or not at all when any of it is malformed. */
  apply(response: X509SVIDResponse): void {
    const [first] = response.svids;
    if (first === undefined) throw new Fault('IDENTITY_UNAVAILABLE', 'the agent sent no identity');
    const bundles = new Map<string, ReturnType<typeof x509Bundle>>();
    const id = SpiffeId.parse(first.spiffeId);
    const put = (name: string, ders: Uint8Array): void => {
      const trustDomain = parseTrustDomain(name);
      bundles.set(trustDomain, x509Bundle(trustDomain, splitCertificates(ders)));
    };
    for (const [key, ders] of Object.entries(response.federatedBundles)) put(key.replace(/^spiffe:\/\//, ''), ders);
    put(id.trustDomain, first.bundle);
    const chain = splitCertificates(first.x509Svid);
    const { leaf, notAfter } = verifyX509Svid({ chain, bundles, at: this.#clock.now() });
    const privateKey = createPrivateKey({ key: Buffer.from(first.x509SvidKey), format: 'der', type: 'pkcs8' });
    this.#svid = { id, chain, privateKey, notBefore: leaf.notBefore, notAfter };
    this.#bundles = bundles;
    this.generation++;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Who this workload is, also after its SVID has expired: receipts of denials still need the name. Throws `IDENTITY_UNAVAILABLE` before there was one. */
  get id(): SpiffeId {
    if (this.#svid === undefined) throw new Fault('IDENTITY_UNAVAILABLE', 'this workload has no identity');
    return this.#svid.id;
  }

  get known(): boolean {
    return this.#svid !== undefined;
  }

  /** The current SVID. Throws `IDENTITY_UNAVAILABLE` before there is one and after it has expired. */
  svid(): X509Svid {
    if (this.#svid === undefined || this.#clock.now() >= this.#svid.notAfter)
      throw new Fault('IDENTITY_UNAVAILABLE', 'this workload has no valid identity');
    return this.#svid;
  }

  bundles(): X509BundleSet {
    return this.#bundles;
  }

  /** Verifies a peer against the bundle of its own trust domain. Throws `PEER_…`. */
  verify(chain: readonly Uint8Array[], purpose: 'server' | 'client'): VerifiedX509Svid {
    return verifyX509Svid({ chain, bundles: this.#bundles, at: this.#clock.now(), purpose });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
