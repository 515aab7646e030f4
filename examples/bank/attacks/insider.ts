// A second instance of bank-a's api-gateway that has been taken over: it shows the attacker every header that it receives, the
// user's Txn-Token among them. Started under "--check" only.
import { connectWorkload } from 'hauberk/sdk';

const workload = await connectWorkload();

await workload.serve(async (request) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    headers: request.headers,
    user: request.authority.user?.spiffeId,
    workload: request.authority.workload,
  }),
}));
