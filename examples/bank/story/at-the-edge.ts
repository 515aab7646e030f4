// What the edge must refuse.
import { createHash } from 'node:crypto';
import { Browser } from './browser.ts';
import type { Context } from './context.ts';
import { type Answer, ask, jsonOf } from './http.ts';
import { leaksNothing, statusIs } from './leaks.ts';
import { type People, type Person, requestIdOf } from './people.ts';
import type { Record } from './record.ts';

const EDGE = 'spiffe://platform.example/edge';
const CALLBACK = '/.hauberk/callback';
const FORGED = 'spiffe://bank-a/user/99999';
const FORGED_TOKEN = 'eyJhbGciOiJFUzI1NiJ9.e30.forged';
const FORGED_HEADERS: readonly (readonly [string, string])[] = [
  ['X-User-ID', FORGED],
  ['x_user_id', FORGED],
  ['X-USER.ID', FORGED],
  ['X-Spiffe-ID', FORGED],
  ['X-User-Roles', 'admin'],
  ['X-Hauberk-User', FORGED],
  ['Txn-Token', FORGED_TOKEN],
];
const REDIRECT_HEADERS = [
  ...['content-length', 'cache-control', 'referrer-policy', 'x-hauberk-code', 'x-request-id', 'date', 'connection'],
  'keep-alive',
];

export async function refusedAtTheEdge(context: Context, record: Record, people: People): Promise<void> {
  await noSessionPage(context, record);
  await noSessionApi(context, record);
  await forgedIdentityHeaders(context, record, people);
  await doubledAuthorization(context, record, people);
  await otherTenantRoute(context, record, people);
  await crossSiteRequest(context, record, people);
  await otherBrowsersLogin(context, record);
  await impostorService(context, record, people);
}

/** A person without a session is sent to the login page; the refusal is in the ledger under the answer's request id. */
async function noSessionPage(context: Context, record: Record): Promise<void> {
  const answer = await ask(`${context.edge.http}/bank-a/accounts`, {
    headers: [
      ['Accept', 'text/html'],
      ['Sec-Fetch-Mode', 'navigate'],
    ],
  });
  const { location, ...headers } = answer.headers;
  const wrong = [
    ...statusIs(answer, 302),
    ...(location === '/.hauberk/login?return=%2Fbank-a%2Faccounts' ? [] : [`a redirect to ${String(location)}`]),
    ...(answer.body === '' ? [] : ['the redirect has a body']),
    // A redirect has no body to say code and id in: its header says the code, and the request id leads to the receipt.
    ...Object.keys(headers).filter((name) => !REDIRECT_HEADERS.includes(name)),
  ];
  const receipts = await record.chain(requestIdOf(answer), (found) => found.length > 0);
  await record.refused({
    name: 'no-session-page',
    expected: 'SESSION_MISSING',
    link: 'edge',
    workload: EDGE,
    seen: { code: headers['x-hauberk-code'], id: receipts[0]?.id },
    wrong: [...wrong, ...(receipts.length === 1 ? [] : [`${receipts.length} receipts of one refused request`])],
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

/** Without a session they open nothing; with one, the services see only what the edge set. */
async function forgedIdentityHeaders(context: Context, record: Record, { alice }: People): Promise<void> {
  const headers = FORGED_HEADERS;
  const without = await ask(`${context.edge.http}/bank-a/accounts`, {
    headers: [['Accept', 'application/json'], ...headers],
  });
  const plain = await alice.browser.fetch(`${context.edge.http}/insider/headers`);
  const within = await alice.browser.fetch(`${context.edge.http}/insider/headers`, { headers });
  const gateway = await alice.browser.fetch(`${context.edge.http}/bank-a/seen`, { headers });
  const receipts = await record.chain(requestIdOf(within), (found) => found.some(({ kind }) => kind === 'edge'));
  const edge = receipts.find(({ kind }) => kind === 'edge');
  const wrong = [
    ...statusIs(without, 401),
    ...statusIs(plain, 200),
    ...statusIs(within, 200),
    ...statusIs(gateway, 200),
    ...forgedParts(alice, within, Object.keys(Object(jsonOf(plain.body).headers))),
    ...forgedParts(alice, gateway, ['x-user-id', 'x-user-roles', 'x-spiffe-id']),
    ...(jsonOf(gateway.body).txnTokenSha256 === shortHash(FORGED_TOKEN)
      ? ['the forged token reached the service']
      : []),
  ];
  await record.refused({
    name: 'forged-identity-headers',
    expected: 'IDENTITY_HEADERS_STRIPPED',
    effect: 'allow',
    link: 'edge',
    workload: EDGE,
    user: alice.spiffeId,
    seen: { code: edge?.code, id: edge?.id },
    wrong,
  });
}

/** What of the forged header a service got, as the service itself tells it. */
function forgedParts(person: Person, answer: Answer, names: readonly string[]): readonly string[] {
  const body = jsonOf(answer.body);
  const seen: Readonly<globalThis.Record<string, unknown>> = Object(body.headers);
  const observed = Array.isArray(body.seen) ? Object(body.seen[0]) : body;
  const text = JSON.stringify(seen);
  return [
    ...(/99999|forged|admin/.test(text) ? [`a forged value reached the service: ${text}`] : []),
    ...Object.keys(seen)
      .filter((name) => !names.includes(name))
      .map((name) => `the service sees ${name}, which the edge did not set`),
    ...['x-user-id', 'x-spiffe-id']
      .filter((name) => seen[name] !== person.spiffeId)
      .map((name) => `the service sees ${name} ${String(seen[name])}`),
    ...(observed.user === person.spiffeId ? [] : [`the service verified ${String(observed.user)}`]),
  ];
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
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

/** Another site's page makes bob's browser pay: the cookie comes along, and so does the name of the site. */
async function crossSiteRequest(context: Context, record: Record, { bob }: People): Promise<void> {
  const reference = `cross-site-${Date.now()}`;
  const answer = await bob.browser.send(`${context.edge.http}/bank-b/payments`, {
    method: 'POST',
    headers: [
      ['Accept', 'application/json'],
      ['Content-Type', 'text/plain'],
      ['Origin', 'https://evil.example'],
      ['Sec-Fetch-Site', 'cross-site'],
    ],
    body: JSON.stringify({ to: 'evil', amountCents: 1, reference }),
  });
  const ledger = await bob.browser.fetch(`${context.edge.http}/bank-b/ledger`);
  await record.refused({
    name: 'cross-site-request',
    expected: 'REQUEST_CROSS_SITE',
    link: 'edge',
    workload: EDGE,
    user: bob.spiffeId,
    seen: jsonOf(answer.body),
    wrong: [
      ...statusIs(answer, 403),
      ...leaksNothing(answer),
      ...(ledger.status === 200 && !ledger.body.includes(reference) ? [] : ['it was paid']),
    ],
  });
}

/** A sign-in that one browser began is finished in another (RFC 9700 §4.7): whoever did that would be signed in as somebody else. */
async function otherBrowsersLogin(context: Context, record: Record): Promise<void> {
  const [user] = context.users;
  if (user === undefined) return;
  const attacker = new Browser();
  await attacker.signIn(`${context.edge.http}/.hauberk/login?return=/`, user, CALLBACK);
  const callback = attacker.visited.at(-1);
  const victim = new Browser();
  const answer = await victim.fetch(callback ?? context.edge.http);
  const session = await victim.fetch(`${context.edge.http}/.hauberk/session`);
  // Refused in the wrong browser, it still serves the one that began it, once.
  const own = await attacker.send(callback ?? context.edge.http);
  const again = await attacker.fetch(callback ?? context.edge.http);
  await record.refused({
    name: 'other-browsers-login',
    expected: 'LOGIN_STATE_MISMATCH',
    link: 'login',
    workload: EDGE,
    seen: jsonOf(answer.body),
    wrong: [
      ...(callback?.pathname === CALLBACK ? [] : ['the sign-in did not come to its end']),
      ...statusIs(answer, 400),
      ...leaksNothing(answer),
      ...statusIs(session, 401),
      ...statusIs(own, 303),
      ...statusIs(again, 400),
    ],
  });
}

/** Another workload stands where the registry says that a service is: the edge sends it nothing. */
async function impostorService(context: Context, record: Record, { alice }: People): Promise<void> {
  const answer = await alice.browser.fetch(`${context.edge.http}/impostor/headers`);
  await record.refused({
    name: 'impostor-service',
    expected: 'PEER_ID_UNEXPECTED',
    link: 'edge',
    workload: EDGE,
    user: alice.spiffeId,
    seen: jsonOf(answer.body),
    wrong: [...statusIs(answer, 403), ...leaksNothing(answer)],
  });
}
