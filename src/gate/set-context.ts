import { type Clock, Fault, LIMITS } from '#kernel';
import type { ContextSigner } from './context-signer.ts';
import type { GateWorkload } from './gate-workload.ts';
import type { OwnQueries } from './own-queries.ts';
import type { Receipts } from './receipts.ts';
import { misplaced } from './refusals.ts';
import type { Transactions } from './transactions.ts';

export interface ContextParts {
  readonly workload: GateWorkload;
  readonly signer: ContextSigner;
  readonly receipts: Receipts;
  readonly clock: Clock;
  /** Of the client: the token's audience. */
  readonly trustDomain: string;
  /** Role of the server that signed in: `session_user`. */
  readonly login: string;
}

const WHERE_AND_WHEN =
  'SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id()::pg_catalog.text, ' +
  "pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.text";

/**
 * Verifies a Txn-Token and signs its user into the transaction that the connection is in, once. Throws `TOKEN_…`, `MINTER_UNKNOWN`,
 * `DATABASE_CONTEXT_MISPLACED`, `LIMIT_EXCEEDED` or `DATABASE_UNAVAILABLE`.
 */
export async function setContext(
  token: string,
  parts: ContextParts,
  queries: OwnQueries,
  transactions: Transactions,
): Promise<void> {
  const { workload, signer, receipts, clock, trustDomain, login: role } = parts;
  receipts.assertTaken();
  const began = receipts.began();
  if (token.length > LIMITS.tokenBytes.value) throw new Fault('LIMIT_EXCEEDED', 'the token is too long');
  const context = await workload.verifyTxnToken(token, trustDomain);
  const [pid = '', xid = '', now = ''] = await queries.ask(WHERE_AND_WHEN);
  if (transactions.current.context !== undefined) {
    if (transactions.current.xid === xid) throw misplaced();
    // ROLLBACK AND CHAIN began another transaction without a word.
    transactions.finish('rollback');
  }
  // What is left of the token, by the database's clock: the two clocks need not agree.
  const exp = Number(now) + Math.max(0, context.expiresAt - clock.now()) / 1000;
  const { txn, user, tenant } = context;
  const signed = signer.sign({ txn, user, tenant, role, pid: Number(pid), xid, exp });
  await queries.ask(`SELECT pg_catalog.set_config('hauberk.context', '${signed}', true)`);
  transactions.bind(context, xid, began);
}
