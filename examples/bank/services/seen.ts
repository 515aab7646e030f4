import type { GuardedRequest, Workload } from 'hauberk/sdk';
import type { Owned } from './owned.ts';

/** What one link looked like to the one that stood there: told in the answer, so that it can be held against the ledger. */
export interface Seen {
  readonly kind: 'service' | 'guard' | 'database';
  readonly workload: string;
  readonly peer: string;
  readonly user: string | undefined;
  readonly tenant: string;
  readonly txn: string;
  readonly action?: string;
  readonly resource?: string;
}

interface Queried {
  query(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/** Who called, as the service verified it itself. */
export function look({ id }: Workload, { authority }: GuardedRequest): Seen {
  const { user, workload: peer, tenant, txn } = authority;
  return { kind: 'service', workload: id.toString(), user: user?.spiffeId, peer, tenant, txn };
}

/** Asks the domain question, and tells what was asked. Throws when the answer is no. */
export async function guarded(
  workload: Workload,
  request: GuardedRequest,
  action: string,
  resource: Owned,
): Promise<Seen> {
  await request.guard(action, resource);
  return { ...look(workload, request), kind: 'guard', action, resource: `${resource.type}::"${resource.id}"` };
}

/** Who stands behind a transaction, as the database itself sees it: asked in SQL, inside the transaction. */
export async function lookInside({ id }: Workload, tx: Queried): Promise<Seen> {
  const { rows } = await tx.query(
    'SELECT hauberk.user_id() AS "user", hauberk.tenant() AS tenant, hauberk.txn() AS txn',
  );
  const { user, tenant, txn } = Object(rows[0]);
  return { kind: 'database', workload: 'database', peer: id.toString(), user, tenant, txn };
}
