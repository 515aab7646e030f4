import {
  type CompactJws,
  fitsAlgorithm,
  parseCompactJws,
  type VerifyingKey,
  verifySignature,
  verifySignatureInPool,
} from '#jws';
import { Fault, type JsonObject } from '#kernel';
import { SpiffeId } from './spiffe-id.ts';
import type { JwtBundle, WitBundle } from './token-bundle.ts';

/** A token that says who its subject is, with its signature verified and its dates judged. */
export interface VerifiedSvidToken {
  readonly id: SpiffeId;
  readonly kid: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly claims: JsonObject;
}

export interface SvidTokenQuestion<Bundle extends JwtBundle | WitBundle> {
  readonly token: string;
  /** Of one kind only: its keys verify this kind of token and no other. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  readonly use: Bundle['use'];
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The rules of this kind for the header. */
  readonly assertHeader: (header: JsonObject) => void;
  /** How far `nbf` (and `iat`, where it counts) may lie ahead, for clocks that differ. */
  readonly leewaySeconds: number;
}

/**
 * What JWT-SVID and WIT-SVID have in common: read strictly, the header's rules, the subject's SPIFFE ID, the key of that `kid` in the bundle of the
 * subject's own trust domain, the signature, `exp` and `nbf`. Throws `TOKEN_…`.
 */
export function verifySvidToken<Bundle extends JwtBundle | WitBundle>(
  question: SvidTokenQuestion<Bundle>,
): VerifiedSvidToken {
  const named = openToken(question);
  verifySignature(named.jws, named.key);
  return judgeDates(named, question);
}

/** As `verifySvidToken`, to the letter; the arithmetic of the signature is done off the main thread. */
export async function verifySvidTokenInPool<Bundle extends JwtBundle | WitBundle>(
  question: SvidTokenQuestion<Bundle>,
): Promise<VerifiedSvidToken> {
  const named = openToken(question);
  await verifySignatureInPool(named.jws, named.key);
  return judgeDates(named, question);
}

/** As `verifySvidToken`, but that the signature is the named key's over `signingInput` is taken from the caller, who has just made it. */
export function verifyMadeSvidToken<Bundle extends JwtBundle | WitBundle>(
  question: SvidTokenQuestion<Bundle>,
  signingInput: string,
): VerifiedSvidToken {
  const named = openToken(question);
  if (named.jws.signingInput !== signingInput || !fitsAlgorithm(named.jws.algorithm, named.key))
    throw new Fault('TOKEN_SIGNATURE_INVALID', 'the token is not what was signed, or not as its key signs');
  return judgeDates(named, question);
}

/** A token that was read, with the key that it says it was signed by. Nothing of it is trusted yet. */
interface NamedToken {
  readonly jws: CompactJws;
  readonly id: SpiffeId;
  readonly kid: string;
  readonly key: VerifyingKey;
}

function openToken<Bundle extends JwtBundle | WitBundle>(question: SvidTokenQuestion<Bundle>): NamedToken {
  const jws = parseCompactJws(question.token);
  question.assertHeader(jws.header);
  const id = readSubject(jws.payload.sub);
  const kid = readKid(jws);
  const bundle = question.bundles.get(id.trustDomain);
  // Types keep bundles of one kind from being used as those of another; where nobody checks types, this does.
  if (bundle === undefined || bundle.use !== question.use)
    throw new Fault('TOKEN_TRUST_DOMAIN_UNKNOWN', 'the token is of a trust domain that is not trusted here');
  const key = bundle.authorities.get(kid);
  if (key === undefined) throw new Fault('TOKEN_KEY_UNKNOWN', 'the token was not signed by a key of its trust domain');
  return { jws, id, kid, key };
}

function judgeDates(
  { jws, id, kid }: NamedToken,
  { at, leewaySeconds }: Pick<SvidTokenQuestion<JwtBundle>, 'at' | 'leewaySeconds'>,
): VerifiedSvidToken {
  const expiresAt = assertDates(jws.payload, at, leewaySeconds);
  return { id, kid, expiresAt, claims: jws.payload };
}

/** Unix seconds up to the year 9999; a claim that is none of these throws `TOKEN_CLAIM_INVALID`. */
export function readDate(value: unknown, claim: string): number {
  if (typeof value === 'number' && value >= 0 && value <= LAST_SECOND) return value;
  throw new Fault('TOKEN_CLAIM_INVALID', `the token says no usable ${claim}`);
}

const LAST_SECOND = 253_402_300_799;

function readKid({ header }: CompactJws): string {
  if (typeof header.kid === 'string' && header.kid !== '') return header.kid;
  throw new Fault('TOKEN_KEY_UNKNOWN', 'the token does not name the key that signed it');
}

function readSubject(sub: unknown): SpiffeId {
  const id = typeof sub === 'string' ? findId(sub) : undefined;
  // The id without a path is the trust domain's own, and no workload has it.
  if (id === undefined || id.path === '')
    throw new Fault('TOKEN_CLAIM_INVALID', 'the subject of the token is no SPIFFE ID of a workload');
  return id;
}

function findId(text: string): SpiffeId | undefined {
  try {
    return SpiffeId.parse(text);
  } catch {
    return undefined;
  }
}

function assertDates(claims: JsonObject, at: number, leewaySeconds: number): number {
  const now = at / 1000;
  const expiresAt = readDate(claims.exp, 'exp');
  if (now >= expiresAt) throw new Fault('TOKEN_EXPIRED', 'the token has expired');
  if (claims.nbf !== undefined && readDate(claims.nbf, 'nbf') > now + leewaySeconds)
    throw new Fault('TOKEN_NOT_YET_VALID', 'the token is not valid yet');
  return expiresAt;
}
