import { type Clock, Fault } from '#kernel';
import { verifyUserToken } from '#sdk';
import type { TxnContext } from './gate-workload.ts';

export interface TxnTokenQuestion {
  readonly token: string;
  /** Trust domain of the workload that presents it. */
  readonly audience: string;
  readonly clock: Clock;
}

/** Verifies a Txn-Token and that neither its user, session nor transaction was revoked after it was minted. Throws `TOKEN_…`, `MINTER_UNKNOWN`. */
export async function verifyTxnContext(
  question: TxnTokenQuestion,
  enforced: Parameters<typeof verifyUserToken>[1],
): Promise<TxnContext> {
  const { txn, user, tenant, sessionId, issuer, issuedAt, expiresAt } = await verifyUserToken(
    { ...question, kind: 'txn-token' },
    enforced,
  );
  if (txn === undefined) throw new Fault('TOKEN_CLAIM_INVALID', 'the token names no transaction');
  const subject = { user: user.toString(), session: sessionId, txn, minter: issuer, since: issuedAt };
  return { txn, user: user.toString(), tenant, expiresAt: expiresAt * 1000, subject };
}
