import { createPublicKey } from 'node:crypto';
import { publicJwk } from '#jws';
import type { BundleKey, BundleResource } from '#wire';
import { type Answer, askedPath, json, type PublicRequest, refusal } from './answer.ts';

export interface OidcDiscoveryOptions {
  /** `iss` of the trust domain's JWT-SVIDs, exactly. */
  readonly issuer: string;
  /** Host names that it answers to. */
  readonly domains: readonly string[];
  readonly bundle: () => BundleResource;
}

const ANYONE = { 'access-control-allow-origin': '*', 'cache-control': 'no-cache' };
const CONFIGURATION_PATH = '/.well-known/openid-configuration';
const KEYS_PATH = '/keys';

/**
 * OpenID Connect Discovery 1.0 §4 for the JWT-SVIDs of one trust domain, so that AWS, GCP, Azure and Vault accept them. The key set holds
 * the keys of JWT-SVIDs and of nothing else: no WIT-SVID's, no internal token's.
 */
export function oidcDiscovery(options: OidcDiscoveryOptions): (request: PublicRequest) => Answer {
  const base = new URL(options.issuer).pathname.replace(/\/$/, '');
  let read: { readonly of: BundleResource['jwtAuthorities']; readonly keys: readonly PublicKey[] } | undefined;
  // Anyone may ask: keys are opened when they change, not for each who does.
  const keys = (): readonly PublicKey[] => {
    const { jwtAuthorities } = options.bundle();
    if (read === undefined || read.of !== jwtAuthorities)
      read = { of: jwtAuthorities, keys: (jwtAuthorities ?? []).map(publicKeyOf) };
    return read.keys;
  };
  return (request) => {
    const path = askedPath(request);
    if (typeof path !== 'string') return path;
    if (!options.domains.includes(hostName(request.host))) return refusal(400, 'this name is not served here');
    if (path === `${base}${CONFIGURATION_PATH}`) return json(configuration(options.issuer, keys()), ANYONE);
    if (path === `${base}${KEYS_PATH}`) return keySet(keys());
    return refusal(404, 'nothing is here');
  };
}

function configuration(issuer: string, keys: readonly PublicKey[]): string {
  const algorithms = new Set(keys.map(({ alg }) => alg));
  return JSON.stringify({
    issuer,
    jwks_uri: `${issuer.replace(/\/$/, '')}${KEYS_PATH}`,
    authorization_endpoint: '',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms.size === 0 ? ['ES256'] : [...algorithms],
  });
}

function keySet(keys: readonly PublicKey[]): Answer {
  return keys.length === 0 ? refusal(501, 'there are no keys') : json(JSON.stringify({ keys }), ANYONE);
}

/** `alg` and `use: sig` as relying parties of OpenID Connect want them (RFC 7517 §4.2, §4.4). */
function publicKeyOf({ kid, publicKey }: BundleKey) {
  const jwk = publicJwk(createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' }));
  return { ...jwk, kid, use: 'sig', alg: algorithmOf(jwk) };
}

type PublicKey = ReturnType<typeof publicKeyOf>;

function algorithmOf(jwk: Readonly<Record<string, unknown>>): string {
  if (jwk.kty === 'RSA') return 'RS256';
  return jwk.crv === 'P-384' ? 'ES384' : 'ES256';
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}
