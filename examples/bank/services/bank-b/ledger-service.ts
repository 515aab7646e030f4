// bank-b's ledger: appended to once for each payment, never changed.
import { connectWorkload, type GuardedRequest, type HandlerResponse } from 'hauberk/sdk';
import { answer, badRequest, notFound } from '../answer.ts';
import { owned } from '../owned.ts';
import { guarded, look, lookInside } from '../seen.ts';
import { findPayment, isSame } from './payment.ts';

const workload = await connectWorkload();
const database = workload.database({ database: 'bank' });

await workload.serve(async (request) => {
  if (request.path !== '/ledger') return notFound();
  if (request.method === 'GET') return readLedger(request);
  return request.method === 'POST' ? append(request) : notFound();
});

async function readLedger(request: GuardedRequest): Promise<HandlerResponse> {
  const resource = owned('Account', 'current', request.authority.user?.spiffeId);
  const guard = await guarded(workload, request, 'ledger:read', resource);
  const columns = 'id, recipient, amount_cents, reference, created_at';
  const { rows, inside } = await request.transaction(database, async (tx) => ({
    inside: await lookInside(workload, tx),
    rows: (await tx.query(`SELECT ${columns} FROM ledger_entries ORDER BY id DESC LIMIT 100`)).rows,
  }));
  return answer({ entries: rows.map(entry), seen: [look(workload, request), guard, inside] });
}

/** The unique reference makes it exactly once, however often and from wherever it is asked for. */
async function append(request: GuardedRequest): Promise<HandlerResponse> {
  const resource = owned('Account', 'current', request.authority.user?.spiffeId);
  const guard = await guarded(workload, request, 'ledger:append', resource);
  const payment = findPayment(await request.json());
  if (payment === undefined) return badRequest('to, amountCents and reference make an entry');
  const { to, amountCents, reference } = payment;
  const { same, inside } = await request.transaction(database, async (tx) => {
    await tx.query(
      'INSERT INTO ledger_entries (recipient, amount_cents, reference) VALUES ($1, $2, $3) ON CONFLICT (owner, reference) DO NOTHING',
      [to, amountCents, reference],
    );
    const { rows } = await tx.query('SELECT recipient, amount_cents FROM ledger_entries WHERE reference = $1', [
      reference,
    ]);
    return { same: isSame(rows[0], payment), inside: await lookInside(workload, tx) };
  });
  if (!same) return answer({ code: 'ALREADY_EXISTS', message: 'the reference belongs to another entry' }, 409);
  return answer({ seen: [look(workload, request), guard, inside] }, 201);
}

function entry({ id, recipient, amount_cents, reference, created_at }: Readonly<Record<string, unknown>>): object {
  return { id, to: recipient, amountCents: Number(amount_cents), reference, createdAt: created_at };
}
