// Accounts of bank-a's customers. Row-level security shows a transaction its user's rows only; the guard asks besides whether this
// workload, on behalf of this user, may do this to this account.
import { connectWorkload, type GuardedRequest, type HandlerResponse } from 'hauberk/sdk';
import { answer, notFound } from '../answer.ts';
import { owned } from '../owned.ts';
import { look } from '../seen.ts';

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
  await request.guard('account:list', owned('Account', 'all', user));
  const { rows } = await request.transaction(database, (tx) => tx.query(`SELECT ${COLUMNS} FROM accounts ORDER BY id`));
  return answer({ accounts: rows.map(account), seen: [look(workload, request)] });
}

/** An account that the user does not see has no owner here, so the guard says no, whether or not there is such an account. */
async function readAccount(request: GuardedRequest, id: string): Promise<HandlerResponse> {
  const { rows } = await request.transaction(database, (tx) =>
    tx.query(`SELECT ${COLUMNS} FROM accounts WHERE id = $1`, [id]),
  );
  const row: Readonly<Record<string, unknown>> | undefined = rows[0];
  await request.guard('account:read', owned('Account', id, typeof row?.owner === 'string' ? row.owner : undefined));
  return row === undefined ? notFound() : answer({ account: account(row), seen: [look(workload, request)] });
}

/** PostgreSQL's bigint arrives as text. */
function account({ id, name, currency, balance_cents }: Readonly<Record<string, unknown>>): object {
  return { id, name, currency, balanceCents: Number(balance_cents) };
}
