// Payments of bank-b: written once, then handed to the ledger.
import { connectWorkload, type GuardedRequest } from 'hauberk/sdk';
import { answer, ask, badRequest, notFound, seenIn } from '../answer.ts';
import { owned } from '../owned.ts';
import { guarded, look, lookInside, type Seen } from '../seen.ts';
import { findPayment, isSame, type Payment } from './payment.ts';

const workload = await connectWorkload();
const database = workload.database({ database: 'bank' });

await workload.serve(async (request) => {
  if (request.method !== 'POST' || request.path !== '/payments') return notFound();
  const user = request.authority.user?.spiffeId;
  const guard = await guarded(workload, request, 'payment:create', owned('Account', 'current', user));
  const payment = findPayment(await request.json());
  if (payment === undefined) return badRequest('to, amountCents and reference make a payment');
  const { written, inside } = await write(request, payment);
  if (!written) return answer({ code: 'ALREADY_EXISTS', message: 'the reference belongs to another payment' }, 409);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(payment);
  const ledger = await ask(request, 'https://ledger-service/ledger', { method: 'POST', headers, body });
  if (!ledger.ok) return ledger.refusal;
  return answer({ payment, seen: [look(workload, request), guard, inside, ...seenIn(ledger.body)] }, 201);
});

/** Not written when the reference is taken by another payment. Sent again, it is the same payment: what broke off is taken up here. */
function write(request: GuardedRequest, payment: Payment): Promise<{ written: boolean; inside: Seen }> {
  const { to, amountCents, reference } = payment;
  return request.transaction(database, async (tx) => {
    await tx.query(
      'INSERT INTO payments (recipient, amount_cents, reference) VALUES ($1, $2, $3) ON CONFLICT (owner, reference) DO NOTHING',
      [to, amountCents, reference],
    );
    const { rows } = await tx.query('SELECT recipient, amount_cents FROM payments WHERE reference = $1', [reference]);
    return { written: isSame(rows[0], payment), inside: await lookInside(workload, tx) };
  });
}
