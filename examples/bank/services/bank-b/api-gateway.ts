// bank-b's front: the edge alone may call it.
import { connectWorkload } from 'hauberk/sdk';
import { notFound, relay } from '../answer.ts';
import { look } from '../seen.ts';

const workload = await connectWorkload();

await workload.serve(async (request) => {
  const own = look(workload, request);
  if (request.method === 'GET' && request.path === '/ledger')
    return relay(request, own, 'https://ledger-service/ledger');
  if (request.method !== 'POST' || request.path !== '/payments') return notFound();
  const body = await request.text();
  const headers = { 'content-type': 'application/json' };
  return relay(request, own, 'https://payment-service/payments', { method: 'POST', headers, body });
});
