import { type Clock, Fault, unixSeconds } from '#kernel';
import type { MinterResource, TokenKind, TrustDomainResource } from '#wire';
import type { RegisterMinterRequest } from '#wire/gen/hauberk_workload';

/** A registration lasts this long; holders register again before it ends. */
const REGISTRATION_SECONDS = 24 * 3600;

/**
 * The rule for minters: the trust domain's document grants this workload these kinds, and the key is a public P-256 key for ES256.
 * Throws `MINTER_NOT_AUTHORIZED` or `ARGUMENT_INVALID`.
 */
export function registerMinter(
  granting: TrustDomainResource | undefined,
  spiffeId: string,
  request: RegisterMinterRequest,
  clock: Clock,
): MinterResource {
  const kinds = request.kinds.map(parseKind);
  const grant = granting?.minters.find(
    (one) => one.spiffeId === spiffeId && kinds.every((kind) => one.kinds.includes(kind)),
  );
  if (grant === undefined || kinds.length === 0)
    throw new Fault('MINTER_NOT_AUTHORIZED', 'this workload may not register a minter for the trust domain');
  const publicJwk = parsePublicJwk(request.publicJwkJson);
  return {
    kid: publicJwk.kid,
    trustDomain: request.trustDomain,
    spiffeId,
    issuer: spiffeId,
    kinds,
    publicJwk,
    notAfter: unixSeconds(clock) + REGISTRATION_SECONDS,
    maxLifetimeSeconds: grant.maxLifetimeSeconds,
  };
}

function parseKind(kind: string): TokenKind {
  if (kind === 'txn-token' || kind === 'internal-jwt') return kind;
  throw new Fault('ARGUMENT_INVALID', 'no such kind of token');
}

function parsePublicJwk(json: string): Readonly<Record<string, unknown>> & { readonly kid: string } {
  const value = readJson(json);
  const { kty, crv, x, y, kid, alg, d } = value;
  if (d !== undefined) throw new Fault('ARGUMENT_INVALID', 'a private key must not be sent');
  const coordinates = typeof x === 'string' && typeof y === 'string';
  if (
    kty !== 'EC' ||
    crv !== 'P-256' ||
    alg !== 'ES256' ||
    !coordinates ||
    typeof kid !== 'string' ||
    !/^[A-Za-z0-9_-]{16,128}$/.test(kid)
  ) {
    throw new Fault('ARGUMENT_INVALID', 'a minter key is a public P-256 JWK with kid and alg ES256');
  }
  return { kty, crv, x, y, kid, alg, use: 'sig' };
}

function readJson(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // falls through to the one fault below
  }
  throw new Fault('ARGUMENT_INVALID', 'the key is not JSON');
}
