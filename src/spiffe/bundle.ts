import { type JwtBundle, jwtBundle, type WitBundle, witBundle } from './token-bundle.ts';
import type { TrustDomain } from './trust-domain.ts';
import { type X509Bundle, x509Bundle } from './x509-bundle.ts';

/** All that a trust domain publishes (SPIFFE Trust Domain and Bundle §4), its kinds of authorities kept apart. */
export interface SpiffeBundle {
  readonly trustDomain: TrustDomain;
  readonly x509: X509Bundle;
  readonly jwt: JwtBundle;
  readonly wit: WitBundle;
  /** `spiffe_sequence`: 64 bits, so a bigint (B-2). */
  readonly sequence?: bigint;
  /** `spiffe_refresh_hint`, seconds. */
  readonly refreshHintSeconds?: number;
}

/** A bundle without any authority: every SVID of the trust domain is refused. */
export function emptyBundle(trustDomain: TrustDomain): SpiffeBundle {
  return {
    trustDomain,
    x509: x509Bundle(trustDomain, []),
    jwt: jwtBundle(trustDomain, new Map()),
    wit: witBundle(trustDomain, new Map()),
  };
}
