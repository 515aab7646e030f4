import { parseCompactJws } from '#jws';
import { Fault } from '#kernel';
import type { WitBundleSet } from './token-bundle.ts';
import { type VerifiedWitSvid, verifyWitSvid, WIT_SVID_TYP } from './wit-svid.ts';
import { verifyWorkloadProof } from './workload-proof.ts';

/** What of an HTTP request bears on who its caller is. */
export interface WitRequest {
  /** Values of a header field, by its lower-case name, in order. */
  readonly header: (name: string) => readonly string[];
  /** Whether the connection that it came on is encrypted and its server known to the caller. */
  readonly secure: boolean;
  /** Target URI without query and fragment. */
  readonly audience: string;
  readonly bundles: WitBundleSet;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly isFirstUse?: (jti: string, expiresAt: number) => boolean;
}

/**
 * The caller of an HTTP request that brings a WIT-SVID in `Workload-Identity-Token` and its proof in `Workload-Proof-Token` or as
 * `Authorization: WPT …` (draft-ietf-wimse-workload-creds §3.1.2, draft-ietf-wimse-wpt §2); undefined when it brings neither. A WIT-SVID is
 * never a bearer token: without a proof, in `Authorization` or over an open connection it is refused (W-10).
 * Throws `TOKEN_PROOF_MISSING`, `TOKEN_PROOF_INVALID`, `TOKEN_DUPLICATED` or what `verifyWitSvid` throws.
 */
export function verifyWitRequest(request: WitRequest): VerifiedWitSvid | undefined {
  if (request.header('authorization').some(isWit))
    throw new Fault('TOKEN_PROOF_MISSING', 'a WIT-SVID is no bearer token');
  const token = only(request.header('workload-identity-token'));
  const proof = findProof(request);
  if (token === undefined && proof === undefined) return undefined;
  if (token === undefined) throw new Fault('TOKEN_MISSING', 'a proof came without the token that it proves');
  if (proof === undefined) throw new Fault('TOKEN_PROOF_MISSING', 'the token came without a proof');
  if (!request.secure) throw new Fault('TOKEN_PROOF_INVALID', 'a WIT-SVID is not taken from an open connection');
  const { bundles, at, audience, isFirstUse } = request;
  const wit = verifyWitSvid({ token, bundles, at });
  const txnToken = only(request.header('txn-token'));
  verifyWorkloadProof({
    proof,
    wit,
    audience,
    at,
    ...(txnToken === undefined ? {} : { txnToken }),
    ...(isFirstUse === undefined ? {} : { isFirstUse }),
  });
  return wit;
}

function findProof({ header }: WitRequest): string | undefined {
  const schemes = header('authorization').map((value) => /^WPT +([^ ]+)$/i.exec(value)?.[1]);
  return only([...header('workload-proof-token'), ...schemes.filter((value) => value !== undefined)]);
}

/** True for an `Authorization` whose credential is a WIT, whatever the scheme. */
function isWit(authorization: string): boolean {
  try {
    return parseCompactJws(authorization.split(' ').at(-1) ?? '').header.typ === WIT_SVID_TYP;
  } catch {
    return false;
  }
}

function only(values: readonly string[]): string | undefined {
  if (values.length > 1) throw new Fault('TOKEN_DUPLICATED', 'the request carries a token more than once');
  return values[0];
}
