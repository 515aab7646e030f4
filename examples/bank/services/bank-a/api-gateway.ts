// bank-a's front: the edge alone may call it.
import { createHash } from 'node:crypto';
import { connectWorkload, type GuardedRequest, type HandlerResponse } from 'hauberk/sdk';
import { answer, notFound, relay } from '../answer.ts';
import { look, type Seen } from '../seen.ts';

const IDENTITY_FIELDS = ['x-user-id', 'x_user_id', 'x-spiffe-id', 'x-user-roles'];

const workload = await connectWorkload();

await workload.serve(async (request) => {
  const own = look(workload, request);
  if (request.method !== 'GET') return notFound();
  if (request.path === '/me' || request.path === '/profile') return relay(request, own, 'https://user-service/profile');
  if (request.path === '/accounts') return relay(request, own, 'https://account-service/accounts');
  const id = /^\/accounts\/([A-Za-z0-9-]{1,64})$/.exec(request.path)?.[1];
  if (id !== undefined) return relay(request, own, `https://account-service/accounts/${id}`);
  return request.path === '/seen' ? tellSeen(request, own) : notFound();
});

/** The identity fields as they arrived, and a hash of the token: never the token. */
function tellSeen({ headers }: GuardedRequest, own: Seen): HandlerResponse {
  const fields = IDENTITY_FIELDS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
  const token = headers['txn-token'];
  const txnTokenSha256 =
    typeof token === 'string' ? createHash('sha256').update(token).digest('hex').slice(0, 16) : undefined;
  return answer({ headers: Object.fromEntries(fields), txnTokenSha256, seen: [own] });
}
