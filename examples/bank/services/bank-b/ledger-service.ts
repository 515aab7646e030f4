// bank-b's ledger: appended to once for each payment, never changed.
import { connectWorkload, type GuardedRequest, type HandlerResponse } from 'hauberk/sdk';
import { answer, badRequest, notFound } from '../answer.ts';
import { owned } from '../owned.ts';
import { look } from '../seen.ts';
import { findPayment, isSame } from './payment.ts';

const workload = await connectWorkload();
const database = workload.database({ database: 'bank' });

await workload.serve(async (request) => {
  if (request.path !== '/ledger') return notFound();
  if (request.method === 'GET') return readLedger(request);
  return request.method === 'POST' ? append(request) : notFound();
});

async function readLedger(request: GuardedRequest): Promise<HandlerResponse> {
  await request.guard('ledger:read', owned('Account', 'current', request.authority.user?.spiffeId));
  const { rows } = await request.transaction(database, (tx) =>
    tx.query(
      'SELECT id, recipient, amount_cents, reference, created_at FROM ledger_entries ORDER BY id DESC LIMIT 100',
    ),
  );
  return answer({ entries: rows.map(entry), seen: [look(workload, request)] });
}

/** The unique reference makes it exactly once, however often and from wherever it is asked for. */
async function append(request: GuardedRequest): Promise<HandlerResponse> {
  await request.guard('ledger:append', owned('Account', 'current', request.authority.user?.spiffeId));
  const payment = findPayment(await request.json());
  if (payment === undefined) return badRequest('to, amountCents and reference make an entry');
  const { to, amountCents, reference } = payment;
  const same = await request.transaction(database, async (tx) => {
    await tx.query(
      'INSERT INTO ledger_entries (recipient, amount_cents, reference) VALUES ($1, $2, $3) ON CONFLICT (owner, reference) DO NOTHING',
      [to, amountCents, reference],
    );
    const { rows } = await tx.query('SELECT recipient, amount_cents FROM ledger_entries WHERE reference = $1', [
      reference,
    ]);
    return isSame(rows[0], payment);
  });
  if (!same) return answer({ code: 'ALREADY_EXISTS', message: 'the reference belongs to another entry' }, 409);
  return answer({ seen: [look(workload, request)] }, 201);
}

function entry({ id, recipient, amount_cents, reference, created_at }: Readonly<Record<string, unknown>>): object {
  return { id, to: recipient, amountCents: Number(amount_cents), reference, createdAt: created_at };
}
