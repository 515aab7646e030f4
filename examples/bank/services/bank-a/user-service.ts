// Profiles of bank-a's customers; asks account-service for their accounts.
import { connectWorkload } from 'hauberk/sdk';
import { answer, ask, notFound, seenIn } from '../answer.ts';
import { owned } from '../owned.ts';
import { guarded, look, lookInside } from '../seen.ts';

const workload = await connectWorkload();
const database = workload.database({ database: 'bank' });

await workload.serve(async (request) => {
  if (request.method !== 'GET' || request.path !== '/profile') return notFound();
  const user = request.authority.user?.spiffeId;
  const guard = await guarded(workload, request, 'profile:read', owned('Profile', user ?? 'none', user));
  const { rows, inside } = await request.transaction(database, async (tx) => ({
    inside: await lookInside(workload, tx),
    rows: (await tx.query('SELECT name, email FROM profiles')).rows,
  }));
  const accounts = await ask(request, 'https://account-service/accounts');
  if (!accounts.ok) return accounts.refusal;
  return answer({
    profile: rows[0] ?? null,
    accounts: accounts.body.accounts,
    seen: [look(workload, request), guard, inside, ...seenIn(accounts.body)],
  });
});
