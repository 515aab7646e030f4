// Accounts of bank-a's customers. Row-level security shows a transaction its user's rows only; the guard asks besides whether this
// workload, on behalf of this user, may do this to this account.
import { connectWorkload, type GuardedRequest, type HandlerResponse } from 'hauberk/sdk';
import { answer, notFound } from '../answer.ts';
import { owned } from '../owned.ts';
import { guarded, look, lookInside } from '../seen.ts';

type Row = Readonly<Record<string, unknown>>;

const COLUMNS = 'id, owner, name, currency, balance_cents';

const workload = await connectWorkload();
const database = workload.database({ database: 'bank' });

await workload.serve(async (request) => {
  if (request.method !== 'GET') return notFound();
  if (request.path === '/accounts') return listAccounts(request);
  const id = /^\/accounts\/([A-Za-z0-9-]{1,64})$/.exec(request.path)?.[1];
  return id === undefined ? notFound() : readAccount(request, id);
});

async function listAccounts(request: GuardedRequest): Promise<HandlerResponse> {
  const user = request.authority.user?.spiffeId;
  const guard = await guarded(workload, request, 'account:list', owned('Account', 'all', user));
  const { rows, inside } = await request.transaction(database, async (tx) => ({
    inside: await lookInside(workload, tx),
    rows: (await tx.query(`SELECT ${COLUMNS} FROM accounts ORDER BY id`)).rows,
  }));
  return answer({ accounts: rows.map(account), seen: [look(workload, request), guard, inside] });
}

/** An account that the user does not see has no owner here, so the guard says no, whether or not there is such an account. */
async function readAccount(request: GuardedRequest, id: string): Promise<HandlerResponse> {
  const { row, inside } = await request.transaction(database, async (tx) => ({
    inside: await lookInside(workload, tx),
    row: findRow(await tx.query(`SELECT ${COLUMNS} FROM accounts WHERE id = $1`, [id])),
  }));
  const owner = typeof row?.owner === 'string' ? row.owner : undefined;
  const guard = await guarded(workload, request, 'account:read', owned('Account', id, owner));
  if (row === undefined) return notFound();
  return answer({ account: account(row), seen: [look(workload, request), inside, guard] });
}

function findRow({ rows }: { readonly rows: readonly Row[] }): Row | undefined {
  return rows[0];
}

/** PostgreSQL's bigint arrives as text. */
function account({ id, name, currency, balance_cents }: Row): object {
  return { id, name, currency, balanceCents: Number(balance_cents) };
}
