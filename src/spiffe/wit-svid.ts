import { createHash } from 'node:crypto';
import { findAlgorithm, fitsAlgorithm, type PublicJwk, readPublicJwk, type VerifyingKey } from '#jws';
import { Fault, isFault, isJsonObject, type JsonObject, type JsonValue } from '#kernel';
import type { SpiffeId } from './spiffe-id.ts';
import { readDate, verifySvidToken } from './svid-token.ts';
import type { WitBundleSet } from './token-bundle.ts';

/** What was read from a WIT-SVID that has been verified. It authenticates nobody without a proof: see `verifyWorkloadProof`. */
export interface VerifiedWitSvid {
  readonly id: SpiffeId;
  readonly kid: string;
  /** The key that the holder has to prove, and the only algorithm that it may be used with (`cnf.jwk.alg`). */
  readonly confirmation: { readonly key: VerifyingKey; readonly algorithm: string };
  /** base64url of SHA-256 over the token: what a proof names it by. */
  readonly tokenHash: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly claims: JsonObject;
}

export interface WitSvidQuestion {
  readonly token: string;
  readonly bundles: WitBundleSet;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** For `nbf` of an issuer whose clock is ahead. An expired token has none. */
export const WIT_SVID_LEEWAY_SECONDS = 60;

export const WIT_SVID_TYP = 'wit+jwt';

/**
 * The WIT-SVID validator (WIT-SVID §4; draft-ietf-wimse-workload-creds §3.1). Unknown header parameters are ignored, `crit` is refused (W-13).
 * Throws as `verifyJwtSvid` does.
 */
export function verifyWitSvid(question: WitSvidQuestion): VerifiedWitSvid {
  const { token, bundles, at } = question;
  const leewaySeconds = WIT_SVID_LEEWAY_SECONDS;
  const { id, kid, expiresAt, claims } = verifySvidToken({
    ...{ token, bundles, use: 'wit-svid' as const, at, assertHeader, leewaySeconds },
  });
  if (claims.aud !== undefined) throw invalid('a WIT-SVID has no audience');
  if (claims.iat !== undefined) readDate(claims.iat, 'iat');
  return { id, kid, expiresAt, claims, tokenHash: hashToken(token), confirmation: readConfirmation(claims.cnf) };
}

export interface WitSvidProfile {
  readonly id: SpiffeId;
  readonly kid: string;
  /** The signing key's own. */
  readonly algorithm: string;
  /** Public key of the holder, and the algorithm that it will prove it with. */
  readonly confirmation: PublicJwk & { readonly alg: string };
  /** Unix seconds, whole. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly issuer?: string;
  readonly jti?: string;
}

/** Header and claims of a WIT-SVID to be signed. Throws `ARGUMENT_INVALID` for what the standard does not allow. */
export function witSvid(profile: WitSvidProfile): { readonly header: JsonObject; readonly claims: JsonObject } {
  const { id, kid, algorithm, confirmation, issuedAt, expiresAt, issuer, jti } = profile;
  if (id.path === '') throw new Fault('SPIFFE_ID_INVALID', 'a WIT-SVID is issued for a workload');
  assertFits(confirmation.alg, readPublicJwk({ ...confirmation }));
  return {
    header: { alg: algorithm, kid, typ: WIT_SVID_TYP },
    claims: {
      sub: id.toString(),
      exp: expiresAt,
      iat: issuedAt,
      cnf: { jwk: { ...confirmation } },
      ...(issuer === undefined ? {} : { iss: issuer }),
      ...(jti === undefined ? {} : { jti }),
    },
  };
}

/** base64url of SHA-256 over the ASCII of a token (draft-ietf-wimse-wpt §2). */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function assertHeader(header: JsonObject): void {
  if (header.typ !== WIT_SVID_TYP) throw new Fault('TOKEN_KIND_MISMATCH', 'the token is of another kind');
}

/** RFC 7800 §3.2 with the algorithm that WIT-SVID asks for: a public key that fits it. */
function readConfirmation(cnf: JsonValue | undefined): VerifiedWitSvid['confirmation'] {
  const jwk = isJsonObject(cnf) ? cnf.jwk : undefined;
  if (!isJsonObject(jwk)) throw invalid('it names no key of its holder');
  const { alg } = jwk;
  if (typeof alg !== 'string') throw invalid('it names no algorithm for the key of its holder');
  const key = readKey(jwk);
  if (!fits(alg, key)) throw invalid('the algorithm does not fit the key of its holder');
  return { key, algorithm: alg };
}

function readKey(jwk: JsonObject): VerifyingKey {
  try {
    return readPublicJwk(jwk);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw invalid('the key of its holder is not acceptable', cause);
  }
}

function fits(name: string, key: VerifyingKey): boolean {
  const algorithm = findAlgorithm(name);
  return algorithm !== undefined && fitsAlgorithm(algorithm, key);
}

function assertFits(name: string, key: VerifyingKey): void {
  if (!fits(name, key)) throw new Fault('ARGUMENT_INVALID', 'the algorithm does not fit the key of the holder');
}

function invalid(rule: string, cause?: unknown): Fault {
  return new Fault('TOKEN_CLAIM_INVALID', `not a valid WIT-SVID: ${rule}`, cause === undefined ? {} : { cause });
}
