import { type VerifiedX509Svid, verifyX509Svid, type X509BundleSet } from '#spiffe';
import type { HostedTrustDomain } from './hosted-trust-domain.ts';

/**
 * What the certificate of one connection is worth, asked on every call. The answer is kept for as long as everything that decided it stands:
 * this chain, the bundle as it was then, and a time within the validity of every certificate of the path.
 */
export class PeerVerification {
  /** DER, leaf first, as presented. */
  readonly #chain: readonly Buffer[];
  #kept: { readonly bundle: object; readonly verified: VerifiedX509Svid } | undefined;

  constructor(chain: readonly Buffer[]) {
    this.#chain = chain;
  }

  /** By other bundles than those of the trust domain that was dialled. Throws what `verifyX509Svid` throws. */
  by(bundles: X509BundleSet, now: number): VerifiedX509Svid {
    return verifyX509Svid({ chain: this.#chain, bundles, at: now, purpose: 'client' });
  }

  /** Throws what `verifyX509Svid` throws. */
  at(now: number, hosted: HostedTrustDomain): VerifiedX509Svid {
    // The authority's bundle is the same object until its content changes.
    const bundle = hosted.authority.bundle();
    const kept = this.#kept;
    if (kept?.bundle === bundle && kept.verified.leaf.notBefore <= now && now < kept.verified.notAfter)
      return kept.verified;
    this.#kept = undefined;
    const question = { chain: this.#chain, bundles: hosted.bundles(), at: now, purpose: 'client' } as const;
    const verified = verifyX509Svid(question);
    this.#kept = { bundle, verified };
    return verified;
  }
}
