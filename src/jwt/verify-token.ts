import { isTxn } from '#chain';
import { type CompactJws, parseCompactJws, readPublicJwk, type VerifyingKey, verifySignature } from '#jws';
import { type Clock, Fault, isFault, isJsonObject, type JsonObject, unixSeconds } from '#kernel';
import { isSpiffeId, SpiffeId } from '#spiffe';
import type { MinterResource, TokenKind } from '#wire';

export interface TokenQuestion {
  readonly token: string;
  readonly kind: TokenKind;
  /** Name of the trust domain that asks; the token's `aud` must be exactly this. */
  readonly audience: string;
  /** The registered minter of a key id, in the asking trust domain. */
  readonly minters: (kid: string) => MinterResource | undefined;
  readonly clock: Clock;
}

/** What a verified token says. */
export interface VerifiedToken {
  readonly kind: TokenKind;
  readonly issuer: string;
  readonly user: SpiffeId;
  readonly txn?: string;
  readonly tenant: string;
  readonly scope: readonly string[];
  readonly roles: readonly string[];
  readonly sessionId?: string;
  readonly allowedServices?: readonly string[];
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** All of them, for policies that ask for one by its name. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** `typ` of each kind: draft-ietf-oauth-transaction-tokens §5.1; ordinary JWT for resource servers that know no other. */
export const TYP: Readonly<Record<TokenKind, string>> = { 'txn-token': 'txntoken+jwt', 'internal-jwt': 'JWT' };

/** For `iat` of a minter whose clock is ahead. An expired token has no leeway. */
const LEEWAY_SECONDS = 2;

/**
 * Verifies a token of one kind: compact JWS, ES256, a key that a registered minter of the asking trust domain holds for this kind, `iss` of that
 * minter, `aud` this trust domain alone, `exp`, `iat` and a lifetime within the minter's grant. Throws `TOKEN_…` or `MINTER_UNKNOWN`.
 */
export async function verifyToken(question: TokenQuestion): Promise<VerifiedToken> {
  const { token, kind, audience, clock } = question;
  const jws = parseCompactJws(token);
  const { header, payload: claims } = jws;
  if (header.typ !== TYP[kind]) throw fault('TOKEN_KIND_MISMATCH', 'the token is of another kind');
  if (header.alg !== 'ES256')
    throw fault('TOKEN_ALGORITHM_REFUSED', 'the token is signed in a way that is not accepted');
  const minter = typeof header.kid === 'string' ? question.minters(header.kid) : undefined;
  if (minter === undefined || minter.trustDomain !== audience || !minter.kinds.includes(kind)) {
    // Each trust domain has minters of its own, so a token for another audience is of an unknown key too. Which of the two is said helps
    // whoever reads the denial; it is a denial either way, and what is read here unverified goes no further.
    if (claims.aud !== audience) throw otherAudience(claims, audience);
    throw fault('MINTER_UNKNOWN', 'the token was not signed by a registered minter', { kid: shown(header.kid) });
  }
  assertSigned(jws, minter);
  const now = unixSeconds(clock);
  if (now >= minter.notAfter)
    throw fault('MINTER_UNKNOWN', 'the registration of the minter has ended', {
      kid: minter.kid,
      ended: minter.notAfter,
      now,
    });
  if (claims.iss !== minter.issuer) throw fault('TOKEN_ISSUER_MISMATCH', 'the token is of another issuer');
  if (claims.aud !== audience) throw otherAudience(claims, audience);
  const { exp, iat } = claims;
  if (!isTime(exp) || !isTime(iat)) throw fault('TOKEN_CLAIM_INVALID', 'the token says no time of issue or end');
  if (now >= exp) throw fault('TOKEN_EXPIRED', 'the token has expired', { ended: exp, now });
  if (iat > now + LEEWAY_SECONDS)
    throw fault('TOKEN_NOT_YET_VALID', 'the token is of the future', { begins: iat, now });
  if (claims.nbf !== undefined && !(isTime(claims.nbf) && claims.nbf <= now + LEEWAY_SECONDS))
    throw fault('TOKEN_NOT_YET_VALID', 'the token is not valid yet');
  if (exp - iat > minter.maxLifetimeSeconds)
    throw fault('TOKEN_CLAIM_INVALID', 'the token lives longer than its minter may say');
  return {
    kind,
    issuer: minter.issuer,
    issuedAt: iat,
    expiresAt: exp,
    claims,
    ...(kind === 'txn-token' ? txnClaims(claims, audience) : internalClaims(claims, audience)),
  };
}

/** Keys of minters, opened once for as long as the registration is the same object. */
const keys = new WeakMap<MinterResource, VerifyingKey>();

function assertSigned(jws: CompactJws, minter: MinterResource): void {
  try {
    const key = keys.get(minter) ?? readPublicJwk(minter.publicJwk);
    keys.set(minter, key);
    verifySignature(jws, key);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw new Fault('TOKEN_SIGNATURE_INVALID', 'the signature of the token does not verify', { cause });
  }
}

type Meaning = Pick<VerifiedToken, 'user' | 'tenant' | 'scope' | 'roles' | 'txn' | 'sessionId' | 'allowedServices'>;

function txnClaims(claims: JsonObject, audience: string): Meaning {
  const tctx = isJsonObject(claims.tctx) ? claims.tctx : {};
  if (!isTxn(claims.txn)) throw fault('TOKEN_CLAIM_INVALID', 'the token names no transaction');
  if (typeof claims.req_wl !== 'string' || !isSpiffeId(claims.req_wl))
    throw fault('TOKEN_CLAIM_INVALID', 'the token names no requesting workload');
  const scope = typeof claims.scope === 'string' ? claims.scope.split(' ').filter((one) => one !== '') : undefined;
  if (scope === undefined) throw fault('TOKEN_CLAIM_INVALID', 'the token has no scope');
  return { ...common(claims.sub, tctx.tenant, tctx.roles, tctx.sid, audience), scope, txn: claims.txn };
}

function internalClaims(claims: JsonObject, audience: string): Meaning {
  if (typeof claims.jti !== 'string' || claims.jti === '') throw fault('TOKEN_CLAIM_INVALID', 'the token has no id');
  const allowedServices =
    claims.allowed_services === undefined ? {} : { allowedServices: strings(claims.allowed_services) };
  return {
    ...common(claims.sub, claims.tenant, claims.roles, claims.sid, audience),
    scope: strings(claims.scope ?? []),
    ...allowedServices,
  };
}

function common(
  sub: unknown,
  tenant: unknown,
  roles: unknown,
  sid: unknown,
  audience: string,
): Pick<Meaning, 'user' | 'tenant' | 'roles' | 'sessionId'> {
  if (typeof sub !== 'string' || !isSpiffeId(sub))
    throw fault('TOKEN_CLAIM_INVALID', 'the subject of the token is no SPIFFE ID');
  const user = SpiffeId.parse(sub);
  if (user.trustDomain !== audience || tenant !== audience)
    throw fault('TOKEN_CLAIM_INVALID', 'user, tenant and audience are not of one trust domain');
  return { user, tenant, roles: strings(roles ?? []), ...(typeof sid === 'string' ? { sessionId: sid } : {}) };
}

function strings(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw fault('TOKEN_CLAIM_INVALID', 'a claim of the token is no list of strings');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** `details` is for the receipt: what the token said of itself, and the clock it was held against. */
function fault(code: string, message: string, details: Readonly<Record<string, unknown>> = {}): Fault {
  return new Fault(code, message, { details });
}

function otherAudience(claims: Readonly<Record<string, unknown>>, audience: string): Fault {
  const details = { audience: shown(claims.aud), expected: audience };
  return fault('TOKEN_AUDIENCE_MISMATCH', 'the token is not meant for this audience', details);
}

/** What an unverified token says, short enough for a receipt. */
function shown(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')).slice(0, 100);
}
