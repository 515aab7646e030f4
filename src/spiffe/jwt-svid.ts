import { Fault, type JsonObject } from '#kernel';
import type { SpiffeId } from './spiffe-id.ts';
import {
  readDate,
  type SvidTokenQuestion,
  type VerifiedSvidToken,
  verifyMadeSvidToken,
  verifySvidToken,
  verifySvidTokenInPool,
} from './svid-token.ts';
import type { JwtBundle, JwtBundleSet } from './token-bundle.ts';

/** What was read from a JWT-SVID that has been verified. */
export interface VerifiedJwtSvid {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  readonly kid: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** All claims, `sub`, `aud` and `exp` included. */
  readonly claims: JsonObject;
}

export interface JwtSvidQuestion {
  readonly token: string;
  /** What the verifier is called; compared exactly. */
  readonly audience: string;
  readonly bundles: JwtBundleSet;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** For `nbf` and `iat` of an issuer whose clock is ahead, as SPIRE allows. An expired token has none. */
export const JWT_SVID_LEEWAY_SECONDS = 60;

const HEADER_MEMBERS: readonly string[] = ['alg', 'kid', 'typ'];

/**
 * The JWT-SVID validator (JWT-SVID §5). Keys come out of the JWT bundle of the subject's own trust domain and nowhere else.
 * Throws `TOKEN_MALFORMED`, `TOKEN_ALGORITHM_REFUSED`, `TOKEN_KIND_MISMATCH`, `TOKEN_TRUST_DOMAIN_UNKNOWN`, `TOKEN_KEY_UNKNOWN`,
 * `TOKEN_SIGNATURE_INVALID`, `TOKEN_EXPIRED`, `TOKEN_NOT_YET_VALID`, `TOKEN_AUDIENCE_MISMATCH` or `TOKEN_CLAIM_INVALID`.
 */
export function verifyJwtSvid(question: JwtSvidQuestion): VerifiedJwtSvid {
  return judge(verifySvidToken(toTokenQuestion(question)), question);
}

/** As `verifyJwtSvid`, to the letter; the arithmetic of the signature is done off the main thread. */
export async function verifyJwtSvidInPool(question: JwtSvidQuestion): Promise<VerifiedJwtSvid> {
  return judge(await verifySvidTokenInPool(toTokenQuestion(question)), question);
}

/** As `verifyJwtSvid`, for an authority's own eyes: the signature over `signingInput` is taken from the caller, who has just made it. */
export function verifyMadeJwtSvid(question: JwtSvidQuestion, signingInput: string): VerifiedJwtSvid {
  return judge(verifyMadeSvidToken(toTokenQuestion(question), signingInput), question);
}

function toTokenQuestion({ token, bundles, at }: JwtSvidQuestion): SvidTokenQuestion<JwtBundle> {
  return { token, bundles, use: 'jwt-svid', at, assertHeader, leewaySeconds: JWT_SVID_LEEWAY_SECONDS };
}

function judge({ id, kid, expiresAt, claims }: VerifiedSvidToken, question: JwtSvidQuestion): VerifiedJwtSvid {
  // RFC 7519 §4.1.6 gives iat no such meaning; a token of the future is refused all the same, as everybody does (J-10).
  if (claims.iat !== undefined && readDate(claims.iat, 'iat') > question.at / 1000 + JWT_SVID_LEEWAY_SECONDS)
    throw new Fault('TOKEN_NOT_YET_VALID', 'the token is of the future');
  const audience = readAudience(claims.aud);
  if (!audience.includes(question.audience))
    throw new Fault('TOKEN_AUDIENCE_MISMATCH', 'the token is not meant for this audience');
  return { id, audience, kid, expiresAt, claims };
}

export interface JwtSvidProfile {
  readonly id: SpiffeId;
  /** At least one. */
  readonly audience: readonly string[];
  readonly kid: string;
  /** The signing key's own. */
  readonly algorithm: string;
  /** Unix seconds, whole. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** `iss`, where OpenID Connect discovery is served. */
  readonly issuer?: string;
  readonly jti?: string;
}

/** Header and claims of a JWT-SVID to be signed (JWT-SVID §2, §3). Throws `ARGUMENT_INVALID` for what the standard does not allow. */
export function jwtSvid(profile: JwtSvidProfile): { readonly header: JsonObject; readonly claims: JsonObject } {
  const { id, audience, kid, algorithm, issuedAt, expiresAt, issuer, jti } = profile;
  if (id.path === '') throw new Fault('SPIFFE_ID_INVALID', 'a JWT-SVID is issued for a workload');
  if (audience.length === 0 || audience.includes(''))
    throw new Fault('ARGUMENT_INVALID', 'a JWT-SVID has at least one audience, and none that is empty');
  return {
    header: { alg: algorithm, kid, typ: 'JWT' },
    claims: {
      sub: id.toString(),
      aud: audience,
      exp: expiresAt,
      iat: issuedAt,
      ...(issuer === undefined ? {} : { iss: issuer }),
      ...(jti === undefined ? {} : { jti }),
    },
  };
}

function assertHeader(header: JsonObject): void {
  if (header.typ !== undefined && header.typ !== 'JWT' && header.typ !== 'JOSE')
    throw new Fault('TOKEN_KIND_MISMATCH', 'the token is of another kind');
  // JWT-SVID §2: no other header parameter is in one, so none (jwk, jku, x5u, x5c, …) can be honoured by mistake.
  if (Object.keys(header).some((name) => !HEADER_MEMBERS.includes(name)))
    throw new Fault('TOKEN_MALFORMED', 'the header of the token has parameters that a JWT-SVID has not');
}

/** RFC 7519 §4.1.3: one string or a list of strings. */
function readAudience(aud: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (list.length > 0 && list.every((one) => typeof one === 'string' && one !== '')) return list.map(String);
  throw new Fault('TOKEN_CLAIM_INVALID', 'the token has no audience');
}
