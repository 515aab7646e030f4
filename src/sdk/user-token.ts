import { type TokenQuestion, type VerifiedToken, verifyToken } from '#jwt';
import { Fault } from '#kernel';
import type { Enforcement } from './enforcement.ts';

/**
 * Verifies a user's token with the minters that its audience registered, and that neither its user, session, transaction nor minter was revoked after it
 * was minted. Throws `TOKEN_…` or `MINTER_UNKNOWN`.
 */
export async function verifyUserToken(
  question: Omit<TokenQuestion, 'minters'>,
  enforced: Pick<Enforcement, 'minter' | 'isRevoked'>,
): Promise<VerifiedToken> {
  const { audience } = question;
  const verified = await verifyToken({ ...question, minters: (kid) => enforced.minter(audience, kid) });
  assertUserStands(verified, audience, enforced);
  return verified;
}

/** Throws `TOKEN_REVOKED`. */
export function assertUserStands(
  token: VerifiedToken,
  audience: string,
  enforced: Pick<Enforcement, 'isRevoked'>,
): void {
  const { user, sessionId, txn, issuer, issuedAt } = token;
  const subject = { user: user.toString(), session: sessionId, txn, minter: issuer, since: issuedAt };
  if (enforced.isRevoked(audience, subject))
    throw new Fault('TOKEN_REVOKED', 'the user, session or token has been revoked');
}
