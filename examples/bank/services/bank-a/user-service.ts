// Profiles of bank-a's customers; asks account-service for their accounts.
import { connectWorkload } from 'hauberk/sdk';
import { answer, ask, notFound, seenIn } from '../answer.ts';
import { owned } from '../owned.ts';
import { look } from '../seen.ts';

const workload = await connectWorkload();
const database = workload.database({ database: 'bank' });

await workload.serve(async (request) => {
  if (request.method !== 'GET' || request.path !== '/profile') return notFound();
  const user = request.authority.user?.spiffeId;
  await request.guard('profile:read', owned('Profile', user ?? 'none', user));
  const { rows } = await request.transaction(database, (tx) => tx.query('SELECT name, email FROM profiles'));
  const accounts = await ask(request, 'https://account-service/accounts');
  if (!accounts.ok) return accounts.refusal;
  return answer({
    profile: rows[0] ?? null,
    accounts: accounts.body.accounts,
    seen: [look(workload, request), ...seenIn(accounts.body)],
  });
});
