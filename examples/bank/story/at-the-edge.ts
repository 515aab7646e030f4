// What the edge must refuse.
import type { Context } from './context.ts';
import { type Answer, ask, jsonOf } from './http.ts';
import { type People, requestIdOf } from './people.ts';
import type { Record } from './record.ts';

const EDGE = 'spiffe://platform.example/edge';
const FORGED = 'spiffe://bank-a/user/99999';

export async function refusedAtTheEdge(context: Context, record: Record, people: People): Promise<void> {
  await noSessionPage(context, record);
  await noSessionApi(context, record);
  await forgedIdentityHeaders(context, record, people);
  await doubledAuthorization(context, record, people);
  await otherTenantRoute(context, record, people);
}

/** A person without a session is sent to the login page; the refusal is in the ledger under the answer's request id. */
async function noSessionPage(context: Context, record: Record): Promise<void> {
  const answer = await ask(`${context.edge.http}/bank-a/accounts`, {
    headers: [
      ['Accept', 'text/html'],
      ['Sec-Fetch-Mode', 'navigate'],
    ],
  });
  const location = String(answer.headers.location ?? '');
  const wrong = [
    ...(answer.status === 302 ? [] : [`the page answered ${answer.status}`]),
    ...(location.includes('/.hauberk/login') || location.includes('response_type=code')
      ? []
      : ['no redirect to the login page']),
  ];
  const told = await toldByLedger(record, answer, 'SESSION_MISSING');
  await record.refused({
    name: 'no-session-page',
    expected: 'SESSION_MISSING',
    link: 'edge',
    workload: EDGE,
    seen: told,
    wrong,
  });
}

async function noSessionApi(context: Context, record: Record): Promise<void> {
  const answer = await ask(`${context.edge.http}/bank-a/accounts`, { headers: [['Accept', 'application/json']] });
  const wrong = [
    ...statusIs(answer, 401),
    ...(answer.headers.location === undefined ? [] : ['a redirect']),
    ...leaksNothing(answer),
  ];
  await record.refused({
    name: 'no-session-api',
    expected: 'SESSION_MISSING',
    link: 'edge',
    workload: EDGE,
    seen: jsonOf(answer.body),
    wrong,
  });
}

/** Without a session they open nothing; with one, the service sees only what the edge set. */
async function forgedIdentityHeaders(context: Context, record: Record, { alice }: People): Promise<void> {
  const forged: readonly (readonly [string, string])[] = [
    ['X-User-ID', FORGED],
    ['x_user_id', FORGED],
    ['X-Spiffe-ID', FORGED],
    ['X-User-Roles', 'admin'],
    ['Txn-Token', 'eyJhbGciOiJFUzI1NiJ9.e30.forged'],
  ];
  const without = await ask(`${context.edge.http}/bank-a/accounts`, {
    headers: [['Accept', 'application/json'], ...forged],
  });
  const within = await alice.browser.fetch(`${context.edge.http}/insider/headers`, { headers: forged });
  const seen = jsonOf(within.body).headers;
  const text = JSON.stringify(seen ?? '');
  const userId = typeof seen === 'object' && seen !== null && 'x-user-id' in seen ? seen['x-user-id'] : undefined;
  const wrong = [
    ...statusIs(without, 401),
    ...statusIs(within, 200),
    ...(text.includes(FORGED) || text.includes('forged') || text.includes('x_user_id')
      ? ['a forged header reached the service']
      : []),
    ...(userId === alice.spiffeId ? [] : [`the service sees X-User-ID ${String(userId)}`]),
  ];
  const name = 'forged-identity-headers';
  await record.refused({
    name,
    expected: 'SESSION_MISSING',
    link: 'edge',
    workload: EDGE,
    seen: jsonOf(without.body),
    wrong,
  });
}

async function doubledAuthorization(context: Context, record: Record, { alice }: People): Promise<void> {
  const headers = [
    ['Authorization', 'Bearer one'],
    ['Authorization', 'Bearer two'],
  ] as const;
  const answer = await alice.browser.fetch(`${context.edge.http}/bank-a/accounts`, { headers });
  const wrong = [...statusIs(answer, 400), ...leaksNothing(answer)];
  const expected = 'REQUEST_CREDENTIALS_DOUBLED';
  await record.refused({
    name: 'doubled-authorization',
    expected,
    link: 'edge',
    workload: EDGE,
    seen: jsonOf(answer.body),
    wrong,
  });
}

async function otherTenantRoute(context: Context, record: Record, { alice }: People): Promise<void> {
  const answer = await alice.browser.fetch(`${context.edge.http}/bank-b/ledger`);
  await record.refused({
    name: 'other-tenant-route',
    expected: 'ROUTE_TENANT_MISMATCH',
    link: 'edge',
    workload: EDGE,
    user: alice.spiffeId,
    seen: jsonOf(answer.body),
    wrong: [...statusIs(answer, 403), ...leaksNothing(answer)],
  });
}

/** A redirect has no body to say a code in: the request id leads to the receipt. */
async function toldByLedger(record: Record, answer: Answer, code: string): Promise<{ code?: string; id?: string }> {
  const receipts = await record.chain(requestIdOf(answer), (found) => found.some((receipt) => receipt.code === code));
  const receipt = receipts.find((found) => found.code === code);
  return receipt === undefined ? {} : { code: receipt.code, id: receipt.id };
}

export function statusIs(answer: { readonly status?: number }, status: number): readonly string[] {
  return answer.status === status ? [] : [`answered ${answer.status ?? 0}, not ${status}`];
}

/** A refused caller learns a code, a sentence and an id. */
export function leaksNothing({ body = '' }: { readonly body?: string }): readonly string[] {
  const more = Object.keys(jsonOf(body)).filter((key) => !['code', 'message', 'id'].includes(key));
  return more.length === 0 ? [] : [`the answer says more than it should: ${more.join(', ')}`];
}
