import { verifyToken } from '#jwt';
import { type Clock, Fault } from '#kernel';
import type { MinterResource, RevocationResource } from '#wire';
import type { TxnContext } from './gate-workload.ts';

export interface TxnTokenQuestion {
  readonly token: string;
  /** Trust domain of the workload that presents it. */
  readonly audience: string;
  readonly minters: (kid: string) => MinterResource | undefined;
  readonly revocations: Iterable<RevocationResource>;
  readonly clock: Clock;
}

/** Verifies a Txn-Token and that neither its user, session nor transaction was revoked after it was minted. Throws `TOKEN_…`. */
export async function verifyTxnContext(question: TxnTokenQuestion): Promise<TxnContext> {
  const { token, audience, minters, clock } = question;
  const verified = await verifyToken({ token, audience, minters, clock, kind: 'txn-token' });
  const { txn, tenant, sessionId, issuedAt, expiresAt } = verified;
  if (txn === undefined) throw new Fault('TOKEN_CLAIM_INVALID', 'the token names no transaction');
  const user = verified.user.toString();
  const names: Readonly<Record<string, string | undefined>> = { user, session: sessionId, txn };
  for (const { kind, value, revokedAt } of question.revocations) {
    if (names[kind] === value && issuedAt <= revokedAt) {
      throw new Fault('TOKEN_REVOKED', 'the user, session or token has been revoked');
    }
  }
  return { txn, user, tenant, expiresAt: expiresAt * 1000 };
}
