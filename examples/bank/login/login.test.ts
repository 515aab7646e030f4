// The login of the bank, driven as the edge and a browser drive it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from '../story/browser.ts';
import { type Answer, ask } from '../story/http.ts';
import { Attempts } from './attempts.ts';
import { findPerson, type Person } from './people.ts';
import { createLogin } from './start-login.ts';

const PASSWORD = 'a password of the test';
const SECRET = 'a client secret of the test';
const ORIGIN = 'http://bank.localhost:1';
const people: ReadonlyMap<string, Person> = new Map(
  [
    ['alice@bank-a', 'bank-a', '12345'],
    ['bob@bank-b', 'bank-b', '20001'],
  ].map(([account = '', tenant = '', user_id = '']) => [
    account,
    {
      account,
      claims: { tenant, user_id, name: account, email: account, email_verified: true },
      passwordHash: createHash('sha256').update(PASSWORD).digest(),
    },
  ]),
);

const server = createServer();
let host = '';
let client: oidc.Configuration;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `login.localhost:${(server.address() as AddressInfo).port}`;
  const login = createLogin({ host, clientSecret: SECRET, origins: [ORIGIN], people });
  server.on('request', (request, response) => login.emit('request', request, response));
  client = await oidc.discovery(new URL(`http://${host}`), 'bank', SECRET, undefined, {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    [oidc.customFetch]: loopback,
  });
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** Node does not resolve names under localhost. */
async function loopback(target: string, init: oidc.CustomFetchOptions): Promise<Response> {
  const headers = Object.entries(init.headers);
  const body = init.body instanceof URLSearchParams ? init.body.toString() : undefined;
  const {
    status,
    body: text,
    headers: given,
  } = await ask(target, { method: init.method, headers, ...(body && { body }) });
  return new Response(text, { status, headers: { 'content-type': String(given['content-type'] ?? '') } });
}

const verifier = oidc.randomPKCECodeVerifier();
async function authorization(change: Record<string, string> = {}): Promise<URL> {
  return oidc.buildAuthorizationUrl(client, {
    redirect_uri: `${ORIGIN}/.hauberk/callback`,
    scope: 'openid profile email',
    state: 'state of the test',
    nonce: 'nonce of the test',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...change,
  });
}

/** Up to the first page or the redirect away from the provider. */
async function open(browser: Browser, url: URL): Promise<Answer> {
  let answer = await browser.send(url);
  while (typeof answer.headers.location === 'string') {
    const next = new URL(answer.headers.location, answer.url);
    if (next.origin === ORIGIN) return answer;
    answer = await browser.send(next);
  }
  return answer;
}

async function submit(browser: Browser, page: Answer, account: string, password: string): Promise<Answer> {
  const body = new URLSearchParams({ account, password }).toString();
  const headers = [['content-type', 'application/x-www-form-urlencoded']] as const;
  const answer = await browser.send(page.url, { method: 'POST', headers, body });
  const { location } = answer.headers;
  return typeof location === 'string' ? open(browser, new URL(location, answer.url)) : answer;
}

test('the right password leads back with a code, and the ID token carries tenant, user id, name and email', async () => {
  const browser = new Browser();
  const page = await open(browser, await authorization());
  assert.equal(page.status, 200);
  const back = await submit(browser, page, 'alice@bank-a', PASSWORD);
  const tokens = await oidc.authorizationCodeGrant(client, new URL(String(back.headers.location)), {
    pkceCodeVerifier: verifier,
    expectedNonce: 'nonce of the test',
    expectedState: 'state of the test',
    idTokenExpected: true,
  });
  const { tenant, user_id, name, email, sub }: Partial<Record<string, unknown>> = tokens.claims() ?? {};
  assert.deepEqual(
    { tenant, user_id, name, email, sub },
    { tenant: 'bank-a', user_id: '12345', name: 'alice@bank-a', email: 'alice@bank-a', sub: 'alice@bank-a' },
  );
});

test('who signed in before is asked for the password again, and may be somebody else', async () => {
  const browser = new Browser();
  await submit(browser, await open(browser, await authorization()), 'alice@bank-a', PASSWORD);
  const again = await open(browser, await authorization());
  assert.equal(again.status, 200);
  const back = await submit(browser, again, 'bob@bank-b', PASSWORD);
  assert.match(String(back.headers.location), /code=/);
});

test('a wrong password, an unknown account and an empty one get the same answer', async () => {
  const browser = new Browser();
  const page = await open(browser, await authorization());
  const answers = [];
  for (const [account, password] of [
    ['bob@bank-b', 'wrong'],
    ['nobody', PASSWORD],
    ['', ''],
  ] as const)
    answers.push(await submit(browser, page, account, password));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [401, 401, 401],
  );
  assert.equal(findPerson(people, '__proto__', ''), undefined);
});

test('another browser cannot take up a sign-in', async () => {
  const page = await open(new Browser(), await authorization());
  assert.equal((await submit(new Browser(), page, 'alice@bank-a', PASSWORD)).status, 400);
});

test('what was typed is shown as text', async () => {
  const browser = new Browser();
  const page = await open(browser, await authorization());
  const answer = await submit(browser, page, '"><script>', 'wrong');
  assert.ok(!answer.body.includes('<script>'));
  assert.match(String(answer.headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
});

const refused: readonly (readonly [string, Record<string, string>])[] = [
  ['without PKCE', { code_challenge: '', code_challenge_method: '' }],
  ['to another address', { redirect_uri: 'http://evil.localhost/.hauberk/callback' }],
  ['for a token at once', { response_type: 'id_token' }],
];
for (const [what, change] of refused) {
  test(`a sign-in ${what} never shows the form`, async () => {
    const answer = await open(new Browser(), await authorization(change));
    assert.ok(!answer.body.includes('type="password"'));
    assert.ok(!String(answer.headers.location ?? '').includes('code='));
  });
}

test('a request under another name is refused', async () => {
  const answer = await ask(`http://rebound.localhost:${host.split(':')[1]}/.well-known/openid-configuration`);
  assert.equal(answer.status, 421);
});

test('ten wrong passwords close the account for five minutes, to the right one too', () => {
  let now = 0;
  const attempts = new Attempts(() => now);
  const alice = { account: 'alice', address: '127.0.0.1' };
  for (let count = 0; count < 10; count++) {
    assert.equal(attempts.isBlocked(alice), false);
    attempts.failed(alice);
  }
  assert.equal(attempts.isBlocked({ ...alice, address: '127.0.0.2' }), true);
  assert.equal(attempts.isBlocked({ ...alice, account: 'bob' }), false);
  now = 5 * 60_000;
  assert.equal(attempts.isBlocked(alice), false);
});

test('a hundred wrong passwords for any accounts close the address', () => {
  const attempts = new Attempts(() => 0);
  for (let count = 0; count < 100; count++) attempts.failed({ account: `user ${count}`, address: '127.0.0.1' });
  assert.equal(attempts.isBlocked({ account: 'alice', address: '127.0.0.1' }), true);
  assert.equal(attempts.isBlocked({ account: 'alice', address: '127.0.0.2' }), false);
});
