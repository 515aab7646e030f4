import { parseCompactJws, verifySignature } from '#jws';
import { equalSecrets, Fault, isFault, isJsonObject, type JsonObject, type JsonValue, LIMITS } from '#kernel';
import { readDate } from './svid-token.ts';
import { hashToken, type VerifiedWitSvid } from './wit-svid.ts';

export interface WorkloadProofQuestion {
  readonly proof: string;
  /** The WIT-SVID that came with it, verified. */
  readonly wit: VerifiedWitSvid;
  /** What the request was sent to: its target URI without query and fragment, or what the deployment says instead. */
  readonly audience: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The request's `Txn-Token`, which the proof must then cover. */
  readonly txnToken?: string;
  /** Other tokens of the request that say who the user is, by lower-case header field; the proof must cover each. */
  readonly otherTokens?: Readonly<Record<string, string>>;
  /** Takes note of a proof's id until its end (unix seconds); false when it was there already. */
  readonly isFirstUse?: (jti: string, expiresAt: number) => boolean;
}

const TYP = 'wpt+jwt';

/**
 * Verifies a Workload Proof Token (draft-ietf-wimse-wpt §2): signed by the key and with the algorithm that the WIT-SVID confirms, for this
 * WIT, this audience and these tokens, with an end that lies ahead but not far. The WIT's own `jti` plays no part (W-8).
 * Throws `TOKEN_PROOF_INVALID`.
 */
export function verifyWorkloadProof(question: WorkloadProofQuestion): void {
  const { wit, audience, txnToken, isFirstUse } = question;
  const { header, claims } = readProof(question.proof, wit);
  if (header.typ !== TYP) throw invalid('it is a token of another kind');
  if (claims.aud !== audience) throw invalid('it is meant for another request');
  const expiresAt = readEnd(claims, question.at);
  if (!isHash(claims.wth, wit.tokenHash)) throw invalid('it is meant for another token');
  if ((claims.tth !== undefined || txnToken !== undefined) && !covers(claims.tth, txnToken))
    throw invalid('it does not cover the transaction token of the request');
  assertOtherTokens(claims.oth, question.otherTokens ?? {});
  const { jti } = claims;
  if (typeof jti !== 'string' || jti === '') throw invalid('it has no id');
  if (isFirstUse?.(jti, expiresAt) === false) throw invalid('it has been used before');
}

export interface WorkloadProofProfile {
  /** The WIT-SVID as text, and the algorithm of the key that it confirms. */
  readonly wit: string;
  readonly algorithm: string;
  readonly audience: string;
  readonly jti: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly txnToken?: string;
}

/** Header and claims of a proof to be signed by the holder of a WIT-SVID. */
export function workloadProof(profile: WorkloadProofProfile): {
  readonly header: JsonObject;
  readonly claims: JsonObject;
} {
  const { wit, algorithm, audience, jti, expiresAt, txnToken } = profile;
  return {
    header: { alg: algorithm, typ: TYP },
    claims: {
      aud: audience,
      exp: expiresAt,
      jti,
      wth: hashToken(wit),
      ...(txnToken === undefined ? {} : { tth: hashToken(txnToken) }),
    },
  };
}

function readProof(proof: string, { confirmation }: VerifiedWitSvid): { header: JsonObject; claims: JsonObject } {
  try {
    const jws = parseCompactJws(proof);
    if (jws.header.alg !== confirmation.algorithm) throw invalid('it is signed by another algorithm than confirmed');
    verifySignature(jws, confirmation.key);
    return { header: jws.header, claims: jws.payload };
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw invalid('it is not signed by the key that the token confirms', cause);
  }
}

function readEnd({ exp }: JsonObject, at: number): number {
  const now = at / 1000;
  const end = date(exp);
  if (end <= now) throw invalid('it has expired');
  if (end > now + LIMITS.proofSeconds.value) throw invalid('it lives too long');
  return end;
}

function date(exp: unknown): number {
  try {
    return readDate(exp, 'exp');
  } catch (cause) {
    throw invalid('it says no end', cause);
  }
}

/** Everything that is named must be here and everything that is here must be named. */
function assertOtherTokens(oth: JsonValue | undefined, tokens: Readonly<Record<string, string>>): void {
  const named = oth ?? {};
  if (!isJsonObject(named)) throw invalid('it names other tokens badly');
  const hashes = new Map(Object.entries(named));
  const present = new Map(Object.entries(tokens));
  for (const name of new Set([...hashes.keys(), ...present.keys()])) {
    if (!covers(hashes.get(name), present.get(name)?.trim())) throw invalid('it does not cover a token of the request');
  }
}

function covers(hash: unknown, token: string | undefined): boolean {
  return token !== undefined && isHash(hash, hashToken(token));
}

function isHash(value: unknown, hash: string): boolean {
  return typeof value === 'string' && equalSecrets(value, hash);
}

function invalid(rule: string, cause?: unknown): Fault {
  return new Fault('TOKEN_PROOF_INVALID', `not an acceptable proof: ${rule}`, cause === undefined ? {} : { cause });
}
