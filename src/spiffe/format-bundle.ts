import { type PublicJwk, publicJwk } from '#jws';
import type { SpiffeBundle } from './bundle.ts';
import type { JwtBundle, TokenAuthorities, WitBundle } from './token-bundle.ts';
import type { X509Bundle } from './x509-bundle.ts';

/**
 * The bundle as a JWKS document: what a bundle endpoint serves (F-9). `use` and `kty` always, `kid` for tokens and never for X.509, the
 * certificate as the one value of `x5c` (X-18, X-19, J-11, W-12). `spiffe_sequence` keeps all its digits.
 */
export function formatBundle(bundle: SpiffeBundle): string {
  const keys = [
    ...x509Keys(bundle.x509),
    ...tokenKeys('jwt-svid', bundle.jwt.authorities),
    ...tokenKeys('wit-svid', bundle.wit.authorities),
  ];
  const sequence = bundle.sequence === undefined ? '' : `,"spiffe_sequence":${bundle.sequence}`;
  const hint = bundle.refreshHintSeconds === undefined ? '' : `,"spiffe_refresh_hint":${bundle.refreshHintSeconds}`;
  return `{"keys":${JSON.stringify(keys)}${sequence}${hint}}`;
}

/** What the Workload API carries as JWT or WIT bundle: a JWKS of keys of this one use. */
export function formatTokenBundle(bundle: JwtBundle | WitBundle): string {
  return JSON.stringify({ keys: tokenKeys(bundle.use, bundle.authorities) });
}

/** Bundle Map (Trust Domain and Bundle §5): refresh hints stand beside the map, not in it (B-11). */
export function formatBundleMap(bundles: Iterable<SpiffeBundle>): string {
  const members = [...bundles].map((bundle) => {
    const { refreshHintSeconds: _, ...rest } = bundle;
    return `${JSON.stringify(bundle.trustDomain)}:${formatBundle(rest)}`;
  });
  return `{"trust_domains":{${members.join(',')}}}`;
}

interface X509Jwk {
  readonly use: 'x509-svid';
  readonly x5c: readonly [string];
}

interface TokenJwk {
  readonly use: 'jwt-svid' | 'wit-svid';
  readonly kid: string;
}

function x509Keys(bundle: X509Bundle): readonly (X509Jwk & PublicJwk)[] {
  return bundle.authorities.map(({ der, publicKey }) => ({
    use: 'x509-svid',
    ...publicJwk(publicKey),
    x5c: [der.toString('base64')],
  }));
}

function tokenKeys(use: TokenJwk['use'], authorities: TokenAuthorities): readonly (TokenJwk & PublicJwk)[] {
  return [...authorities].map(([kid, { key }]) => ({ use, kid, ...publicJwk(key) }));
}
