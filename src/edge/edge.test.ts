import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { verifyToken } from '#jwt';
import { systemClock } from '#kernel';
import {
  ALICE,
  type Answer,
  ask,
  Browser,
  EDGE_ID,
  type House,
  LARGE,
  raw,
  rawTls,
  startHouse,
} from './edge.harness.ts';

let house: House;
const alice = new Browser();

before(async () => {
  house = await startHouse();
});
after(() => house?.close());

const at = (path: string): string => `http://${house.host}${path}`;
const json = { accept: 'application/json' };
const codeOf = ({ body }: Answer): unknown => JSON.parse(body).code;

/** The answer is a denial with exactly code, message and id, and its receipt is there. */
function assertDenied(answer: Answer, status: number, code: string): void {
  assert.equal(codeOf(answer), code);
  assert.equal(answer.status, status);
  assert.deepEqual(Object.keys(JSON.parse(answer.body)), ['code', 'message', 'id']);
  const receipt = house.workload.receipts.find(({ id }) => id === JSON.parse(answer.body).id);
  assert.equal(receipt?.code, code);
  assert.equal(receipt?.effect, 'deny');
  assert.equal(receipt?.txn, answer.headers['x-request-id']);
}

test('without a session a script gets a code and a page is sent to sign in', async () => {
  assertDenied(await ask(at('/bank-a/accounts'), { headers: json }), 401, 'SESSION_MISSING');
  assertDenied(
    await ask(at('/bank-a/accounts'), { headers: { accept: 'text/html', 'sec-fetch-mode': 'cors' } }),
    401,
    'SESSION_MISSING',
  );
  assertDenied(
    await ask(at('/bank-a/accounts'), { method: 'POST', headers: { accept: 'text/html' } }),
    401,
    'SESSION_MISSING',
  );
  const page = await new Browser().page(at('/bank-a/accounts?x=1'));
  assert.equal(page.status, 302);
  assert.equal(page.headers.location, '/.hauberk/login?return=%2Fbank-a%2Faccounts%3Fx%3D1');
  const receipt = house.workload.receipts.find(({ txn }) => txn === page.headers['x-request-id']);
  assert.equal(receipt?.code, 'SESSION_MISSING');
  assert.equal(house.seen.length, 0);
});

test('a provider that is away is said so, and asked again when it is up', async () => {
  assertDenied(await ask(at('/.hauberk/login'), { headers: json }), 503, 'LOGIN_PROVIDER_UNAVAILABLE');
  await house.startProvider();
  assert.equal((await ask(at('/.hauberk/login'))).status, 302);
});

test('sign-in: code, PKCE S256, state, nonce; a session cookie bound to the host; the user is told', async () => {
  const start = await alice.page(at('/.hauberk/login?return=/bank-a/accounts'));
  const asked = new URL(String(start.headers.location)).searchParams;
  assert.equal(asked.get('response_type'), 'code');
  assert.equal(asked.get('code_challenge_method'), 'S256');
  for (const name of ['state', 'nonce', 'code_challenge']) assert.ok((asked.get(name) ?? '').length >= 43, name);
  const done = await alice.signIn(house, 'alice', '/bank-a/accounts');
  assert.equal(done.status, 303);
  assert.equal(done.headers.location, '/bank-a/accounts');
  const cookie = [done.headers['set-cookie'] ?? []].flat().find((line) => line.startsWith('__Host-hauberk='));
  assert.match(cookie ?? '', /^__Host-hauberk=[\w-]{43}; Path=\/; Max-Age=28800; HttpOnly; Secure; SameSite=Lax$/);
  const session = JSON.parse((await alice.send(at('/.hauberk/session'))).body);
  assert.deepEqual([session.user, session.tenant, session.name], [ALICE, 'bank-a', 'Alice']);
  const receipt = house.workload.receipts.find(({ kind }) => kind === 'login');
  assert.deepEqual([receipt?.effect, receipt?.user, receipt?.tenant], ['allow', ALICE, 'bank-a']);
});

test('a request goes on with the user, and only what the edge set says who it is', async () => {
  house.seen.length = 0;
  const forged = {
    'x-user-id': 'f',
    x_user_id: 'f',
    'X-Spiffe-ID': 'f',
    'x-user-roles': 'admin',
    'txn-token': 'f',
    'x-department': 'f',
    authorization: 'Bearer f',
    'x-forwarded-for': 'f',
    'x-request-id': 'theirs',
    traceparent: 'f',
    connection: 'X-User-ID, x-session-id',
    'x-custom': 'kept',
  };
  const answer = await alice.send(at('/bank-a//x/../accounts?y=%20'), { headers: { ...json, ...forged } });
  assert.equal(answer.status, 200);
  const [seen] = house.seen;
  assert.ok(seen);
  assert.equal(seen.url, '/accounts?y=%20');
  const { headers } = seen;
  assert.equal(headers['x-user-id'], ALICE);
  assert.equal(headers['x-user-roles'], 'customer,teller');
  assert.equal(headers['x-custom'], 'kept');
  for (const name of ['x_user_id', 'x-spiffe-id', 'x-department', 'cookie'])
    assert.equal(headers[name], undefined, name);
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  const txn = String(answer.headers['x-request-id']);
  assert.match(String(headers.traceparent), new RegExp(`^00-${txn}-[0-9a-f]{16}-01$`));
  assert.equal(answer.headers['txn-token'], undefined);
  const minters = (kid: string) => house.workload.minters.get(kid);
  const question = { audience: 'bank-a', minters, clock: systemClock };
  const token = await verifyToken({ ...question, token: String(headers['txn-token']), kind: 'txn-token' });
  assert.deepEqual([token.user.toString(), token.txn, token.tenant, token.issuer], [ALICE, txn, 'bank-a', EDGE_ID]);
  assert.ok(token.expiresAt - token.issuedAt <= 10);
  const bearer = String(headers.authorization).replace(/^Bearer /, '');
  const internal = await verifyToken({ ...question, token: bearer, kind: 'internal-jwt' });
  assert.deepEqual(
    [internal.user.toString(), internal.sessionId, internal.roles],
    [ALICE, headers['x-session-id'], ['customer', 'teller']],
  );
  const receipt = house.workload.receipts.find((one) => one.txn === txn);
  assert.deepEqual([receipt?.effect, receipt?.code], ['allow', 'IDENTITY_HEADERS_STRIPPED']);
  const stripped = ['x-user-id', 'x_user_id', 'X-Spiffe-ID', 'x-user-roles', 'txn-token', 'x-department'];
  assert.deepEqual(receipt?.detail?.stripped, stripped);
  assert.deepEqual(
    [receipt?.effect, receipt?.user, receipt?.rule, receipt?.kind],
    ['allow', ALICE, 'platform/bank-a', 'edge'],
  );
  assert.ok(!JSON.stringify(house.workload.receipts).includes(bearer));
});

test('the internal token is kept for the session, the Txn-Token is new each time', async () => {
  house.seen.length = 0;
  await alice.send(at('/bank-a/1'));
  await alice.send(at('/bank-a/2'));
  const [first, second] = house.seen;
  assert.equal(first?.headers.authorization, second?.headers.authorization);
  assert.notEqual(first?.headers['txn-token'], second?.headers['txn-token']);
});

test('a body is streamed with its length, or in chunks when it has none', async () => {
  house.seen.length = 0;
  const post = { method: 'POST', body: '{"a":1}' };
  await alice.send(at('/bank-a/p'), {
    ...post,
    headers: { 'content-length': '7', 'content-type': 'application/json' },
  });
  await alice.send(at('/bank-a/p'), { ...post, headers: { 'transfer-encoding': 'chunked' } });
  assert.deepEqual(
    house.seen.map(({ body }) => body),
    ['{"a":1}', '{"a":1}'],
  );
  assert.equal(house.seen[0]?.headers['content-length'], '7');
});

test("other cookies go on, the edge's own do not; a service cannot set the edge's", async () => {
  house.seen.length = 0;
  const session = alice.jar.get('bank.localhost')?.get('__Host-hauberk');
  const answer = await ask(at('/bank-a/cookie'), { headers: { cookie: `a=1; __Host-hauberk=${session}; b=2` } });
  assert.equal(house.seen[0]?.headers.cookie, 'a=1; b=2');
  assert.deepEqual(answer.headers['set-cookie'], ['own=1']);
});

test('denials: other tenant, unknown service, unexpected peer, slow, cut, unknown route and host, revoked', async () => {
  assertDenied(await alice.send(at('/bank-b/ledger')), 403, 'ROUTE_TENANT_MISMATCH');
  assertDenied(await alice.send(at('/nowhere/x')), 404, 'SERVICE_UNKNOWN');
  assertDenied(await alice.send(at('/impostor/x')), 403, 'PEER_ID_UNEXPECTED');
  assertDenied(await alice.send(at('/slow/hang')), 504, 'DEADLINE_EXCEEDED');
  assertDenied(await alice.send(at('/bank-a/cut')), 503, 'UPSTREAM_UNAVAILABLE');
  assertDenied(await alice.send(at('/elsewhere')), 404, 'ROUTE_NOT_FOUND');
  assertDenied(await alice.send(at('/.hauberk/elsewhere')), 404, 'ROUTE_NOT_FOUND');
  assertDenied(await ask(at('/'), { headers: { host: 'other.localhost' } }), 404, 'ROUTE_NOT_FOUND');
  assertDenied(await alice.send(at('/bank-a/x'), { method: 'PURGE' }), 400, 'ARGUMENT_INVALID');
  house.workload.revoked.add(ALICE);
  assertDenied(await alice.send(at('/bank-a/x')), 401, 'TOKEN_REVOKED');
  house.workload.revoked.clear();
});

test('what runs for a revoked session is denied, and cut where its answer has begun; tokens kept for it are not used again', async () => {
  const { workload, seen } = house;
  seen.length = 0;
  workload.receipts.length = 0;
  const waiting = alice.send(at('/bank-a/hang'));
  const begun = alice.send(at('/bank-a/drip')).catch((error: unknown) => Object(error).code);
  while (seen.length < 2 || workload.receipts.length < 1) await new Promise((resolve) => setImmediate(resolve));
  workload.revoke('spiffe://bank-a/user/1');
  assert.equal((await alice.send(at('/bank-a/x'))).status, 200);
  workload.revoke(ALICE);
  assertDenied(await waiting, 401, 'TOKEN_REVOKED');
  assert.equal(await begun, 'ECONNRESET');
  assertDenied(await alice.send(at('/bank-a/x')), 401, 'TOKEN_REVOKED');
  workload.revoked.clear();
});

test('no receipt, no answer', async () => {
  house.workload.full = true;
  const answer = await alice.send(at('/bank-a/x'));
  house.workload.full = false;
  assert.equal(answer.status, 413);
  assert.equal(codeOf(answer), 'LIMIT_EXCEEDED');
});

test('while the edge has no valid identity it denies, and says so in the ledger', async () => {
  house.workload.expired = true;
  const answer = await alice.send(at('/bank-a/x'));
  house.workload.expired = false;
  assertDenied(answer, 503, 'IDENTITY_UNAVAILABLE');
});

test('another site cannot make a browser act', async () => {
  const post = { method: 'POST', body: '', headers: {} };
  for (const headers of [
    { origin: 'http://evil.localhost' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: `http://bank.localhost:1` },
  ])
    assertDenied(await alice.send(at('/bank-a/p'), { ...post, headers }), 403, 'REQUEST_CROSS_SITE');
  assert.equal(
    (await alice.send(at('/bank-a/p'), { ...post, headers: { origin: `http://${house.host}` } })).status,
    200,
  );
  assertDenied(await alice.send(at('/.hauberk/logout'), post), 403, 'REQUEST_CROSS_SITE');
});

test('a public route carries no user and no forged identity, session or not', async () => {
  for (const browser of [alice, new Browser()]) {
    house.seen.length = 0;
    const answer = await browser.send(at('/public/x'), {
      headers: { 'x-user-id': 'f', authorization: 'Bearer f', 'txn-token': 'f' },
    });
    assert.equal(answer.status, 200);
    for (const name of ['x-user-id', 'authorization', 'txn-token'])
      assert.equal(house.seen[0]?.headers[name], undefined, name);
  }
});

const DOUBLED = [
  ['Authorization: Bearer a', 'Authorization: Bearer b'],
  ['Authorization: Bearer a', 'authorization: Bearer a'],
  ['Txn-Token: a', 'Txn-Token: b'],
  ['Txn-Token: a', 'txn_token: b'],
  ['Cookie: __Host-hauberk=a; __Host-hauberk=b'],
  ['Cookie: __Host-hauberk=a', 'Cookie: __Host-hauberk=b'],
  ['Cookie: __Host-hauberk=a; __host-HAUBERK=b'],
];
for (const lines of DOUBLED) {
  test(`${lines.join(' | ')} is refused as two credentials`, async () => {
    const text = await raw(
      house.port,
      `GET /bank-a/x HTTP/1.1\r\nHost: ${house.host}\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /"code":"REQUEST_CREDENTIALS_DOUBLED"/);
  });
}

const AMBIGUOUS: readonly (readonly [string, string])[] = [
  ['an escaped slash', 'GET /bank-a%2fx HTTP/1.1\r\nHost: $'],
  ['an escaped backslash', 'GET /bank-a%5cx HTTP/1.1\r\nHost: $'],
  ['a backslash', 'GET /bank-a\\x HTTP/1.1\r\nHost: $'],
  ['an encoded NUL', 'GET /bank-a/%00 HTTP/1.1\r\nHost: $'],
  ['a fragment', 'GET /bank-a/#x HTTP/1.1\r\nHost: $'],
  ['encoded dot segments', 'GET /public/%2e%2e/bank-a/ HTTP/1.1\r\nHost: $'],
  ['a double encoding', 'GET /public/%252e%252e/ HTTP/1.1\r\nHost: $'],
  ['a path parameter', 'GET /public/..;/bank-a/ HTTP/1.1\r\nHost: $'],
  ['two hosts', 'GET / HTTP/1.1\r\nHost: $\r\nHost: evil'],
  ['two hosts in one', 'GET / HTTP/1.1\r\nHost: $, evil'],
  ['no host', 'GET / HTTP/1.1'],
  ['an absolute form of another host', 'GET http://evil.localhost/ HTTP/1.1\r\nHost: $'],
  ['an absolute form of another scheme', 'GET @other://$/ HTTP/1.1\r\nHost: $'],
  ['an absolute form of another port', 'GET http://$1/ HTTP/1.1\r\nHost: $'],
  ['a star', 'OPTIONS * HTTP/1.1\r\nHost: $'],
  ['bytes beyond ASCII', 'GET /\u00e9 HTTP/1.1\r\nHost: $'],
  ['a length and chunks', 'POST /public/ HTTP/1.1\r\nHost: $\r\nContent-Length: 3\r\nTransfer-Encoding: chunked'],
  ['two lengths', 'POST /public/ HTTP/1.1\r\nHost: $\r\nContent-Length: 3\r\nContent-Length: 4'],
  ['a length with a sign', 'POST /public/ HTTP/1.1\r\nHost: $\r\nContent-Length: +3'],
  ['an aliased length', 'GET /public/ HTTP/1.1\r\nHost: $\r\nContent-Length: 0\r\nContent_Length: 9'],
  ['another transfer coding', 'POST /public/ HTTP/1.1\r\nHost: $\r\nTransfer-Encoding: gzip, chunked'],
  ['a blank before the colon', 'GET / HTTP/1.1\r\nHost: $\r\nX-User-ID : f'],
  ['a folded line', 'GET / HTTP/1.1\r\nHost: $\r\nX-A: b\r\n c: d'],
  ['two content types', 'GET /public/ HTTP/1.1\r\nHost: $\r\nContent-Type: a\r\nContent-Type: b'],
  ['a nominated length', 'GET /public/ HTTP/1.1\r\nHost: $\r\nContent-Length: 0\r\nConnection: close, content-length'],
  ['no version', 'GET /public/'],
  ['a version that is none', 'GET /public/ HTTP/3.7\r\nHost: $'],
  ['a NUL in a field', 'GET /public/ HTTP/1.1\r\nHost: $\r\nX-A: a\0b'],
  ['a line that ends with LF alone', 'GET /public/ HTTP/1.1\r\nHost: $\r\nX-A: a\nX-B: b'],
  ['a line that ends with CR alone', 'GET /public/ HTTP/1.1\r\nHost: $\r\nX-A: a\rX-B: b'],
  ['a coding in a folded line', 'POST /public/ HTTP/1.1\r\nHost: $\r\nTransfer-Encoding:\r\n chunked'],
  ['an obscured coding', 'POST /public/ HTTP/1.1\r\nHost: $\r\nTransfer-Encoding: xchunked'],
  ['two codings', 'POST /public/ HTTP/1.1\r\nHost: $\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
  ['a length that overflows', 'POST /public/ HTTP/1.1\r\nHost: $\r\nContent-Length: 18446744073709551616'],
  ['a method that is none', 'G@T / HTTP/1.1\r\nHost: $'],
];
for (const [what, head] of AMBIGUOUS)
  for (const scheme of ['http', 'https'] as const) {
    test(`a request with ${what}, by ${scheme}, is refused, with a receipt, and reaches nobody`, async () => {
      house.seen.length = 0;
      const known = house.workload.receipts.length;
      const text = await (scheme === 'http' ? raw : rawTls)(
        (scheme === 'http' ? house.port : house.edge.https?.port) ?? 0,
        `${head.replaceAll('@other', scheme === 'http' ? 'https' : 'http').replaceAll('$', house.host)}\r\n${head.includes('Connection:') ? '' : 'Connection: close\r\n'}\r\n`,
      );
      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.match(text, /"code":"REQUEST_AMBIGUOUS"/);
      assert.equal(house.workload.receipts[known]?.code, 'REQUEST_AMBIGUOUS');
      assert.equal(house.seen.length, 0);
    });
  }

test('a head beyond the limit is refused', async () => {
  const text = await raw(house.port, `GET / HTTP/1.1\r\nHost: ${house.host}\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`);
  assert.match(text, /"code":"LIMIT_EXCEEDED"/);
});

test('CONNECT, an expectation that is not met, and more fields than are read are refused, each with a receipt', async () => {
  const head = `Host: ${house.host}\r\nConnection: close\r\n`;
  for (const [bytes, status, code] of [
    [`CONNECT ${house.host} HTTP/1.1\r\n${head}\r\n`, 501, 'METHOD_UNIMPLEMENTED'],
    [`GET / HTTP/1.1\r\n${head}Expect: 200-ok\r\n\r\n`, 400, 'ARGUMENT_INVALID'],
    [`GET / HTTP/1.1\r\n${head}${'a: b\r\n'.repeat(300)}\r\n`, 413, 'LIMIT_EXCEEDED'],
  ] as const) {
    house.workload.receipts.length = 0;
    const answer = await raw(house.port, bytes);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*x-hauberk-code: ${code}`));
    assert.deepEqual(
      house.workload.receipts.map((receipt) => receipt.code),
      [code],
    );
  }
});

test('an answer of any size goes on whole, no faster than its reader reads, with its length or without', async () => {
  for (const path of ['/bank-a/large', '/bank-a/large-chunked']) {
    const answer = await alice.send(at(path));
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, LARGE, path);
    assert.equal(answer.headers['content-length'], path.endsWith('chunked') ? undefined : String(LARGE));
  }
});

test('trailers of a request do not become fields', async () => {
  house.seen.length = 0;
  await raw(
    house.port,
    `POST /public/ HTTP/1.1\r\nHost: ${house.host}\r\nTransfer-Encoding: chunked\r\nTrailer: X-User-ID\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nX-User-ID: f\r\n\r\n`,
  );
  assert.equal(house.seen.length, 1);
  assert.ok(!JSON.stringify(house.seen).toLowerCase().includes('x-user-id'));
});

test('an upgrade is not passed on', async () => {
  house.seen.length = 0;
  await raw(
    house.port,
    `GET /public/ HTTP/1.1\r\nHost: ${house.host}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
  );
  for (const { headers } of house.seen) assert.equal(headers.upgrade, undefined);
});

test('login CSRF: a callback in another browser, a second time, or with another state is refused', async () => {
  const victim = new Browser();
  const attacker = new Browser();
  const callback = await attacker.walkToCallback(at('/.hauberk/login'), 'alice');
  assertDenied(await victim.send(callback), 400, 'LOGIN_STATE_MISMATCH');
  const other = new URL(callback);
  other.searchParams.set('state', 'x'.repeat(43));
  assertDenied(await attacker.send(other), 400, 'LOGIN_STATE_MISMATCH');
  assert.equal((await attacker.send(callback)).status, 303);
  assertDenied(await attacker.send(callback), 400, 'LOGIN_STATE_MISMATCH');
  assertDenied(await attacker.send(at('/.hauberk/callback?code=x')), 400, 'LOGIN_STATE_MISMATCH');
});

test('mix-up and code injection: another issuer, another code, or an error of the provider signs nobody in', async () => {
  for (const [name, value] of [
    ['iss', 'http://evil.localhost'],
    ['code', 'another'],
    ['error', 'access_denied'],
  ] as const) {
    const browser = new Browser();
    const callback = await browser.walkToCallback(at('/.hauberk/login'), 'alice');
    callback.searchParams.set(name, value);
    assertDenied(await browser.send(callback), 401, 'LOGIN_FAILED');
    assertDenied(await browser.send(at('/.hauberk/session')), 401, 'SESSION_MISSING');
  }
});

test('a user whom no rule maps, or whose id would name another path, is not signed in', async () => {
  for (const user of ['stranger', 'mallory']) {
    const browser = new Browser();
    assertDenied(await browser.signIn(house, user), 403, 'LOGIN_USER_UNKNOWN');
    assert.equal(browser.jar.get('bank.localhost')?.has('__Host-hauberk'), false);
  }
});

test('session fixation: a sign-in ends the session that the browser brought', async () => {
  const browser = new Browser();
  await browser.signIn(house);
  const before = browser.jar.get('bank.localhost')?.get('__Host-hauberk');
  await browser.signIn(house);
  assert.notEqual(browser.jar.get('bank.localhost')?.get('__Host-hauberk'), before);
  assertDenied(
    await ask(at('/.hauberk/session'), { headers: { cookie: `__Host-hauberk=${before}` } }),
    401,
    'SESSION_MISSING',
  );
});

test('a copied cookie is worthless after signing out', async () => {
  const browser = new Browser();
  await browser.signIn(house);
  const cookie = `__Host-hauberk=${browser.jar.get('bank.localhost')?.get('__Host-hauberk')}`;
  const out = await browser.send(at('/.hauberk/logout'), {
    method: 'POST',
    headers: { origin: `http://${house.host}` },
  });
  assert.equal(out.status, 204);
  assertDenied(await ask(at('/bank-a/x'), { headers: { ...json, cookie } }), 401, 'SESSION_MISSING');
});

test('pages need no session and have a fixed policy', async () => {
  const page = await ask(at('/'));
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-security-policy']), /default-src 'self'.*frame-ancestors 'none'/);
  assert.equal((await ask(at('/'), { headers: { 'if-none-match': String(page.headers.etag) } })).status, 304);
  assertDenied(await ask(at('/'), { method: 'POST', headers: json }), 404, 'ROUTE_NOT_FOUND');
  assertDenied(await ask(at('/secret'), { headers: json }), 404, 'ROUTE_NOT_FOUND');
});

test('a service that knows no such minter has the key registered again', async () => {
  const known = house.workload.registrations;
  await alice.send(at('/bank-a/401-minter'));
  const deadline = Date.now() + 5000;
  while (house.workload.registrations === known && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(house.workload.registrations, known + 1);
});

test('HTTPS shows the current SVID after a rotation, with and without a server name; connections to services are opened anew', async () => {
  const serial = (servername: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: house.edge.https?.port ?? 0, servername, rejectUnauthorized: false },
        () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        },
      );
      socket.on('error', reject);
    });
  const before = await serial('bank.localhost');
  house.workload.rotate(await house.newSvid());
  assert.notEqual(await serial('bank.localhost'), before);
  assert.notEqual(await serial(''), before);
  const dialled = house.workload.dialled;
  assert.equal((await alice.send(at('/bank-a/x'))).status, 200);
  assert.equal(house.workload.dialled, dialled + 1);
});

test('attack: renegotiation, which costs the edge a signature and its client nothing, is refused, after a rotation too', async () => {
  const port = house.edge.https?.port ?? 0;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  await once(socket, 'secureConnect');
  const outcome = new Promise<unknown>((resolve) => {
    for (const event of ['error', 'close']) socket.on(event, () => resolve(event));
    socket.resume();
    socket.renegotiate({ rejectUnauthorized: false }, resolve);
  });
  assert.match(String(await outcome), /^(error|close)$/);
  socket.destroy();
});

test('sign-in requests from one address are limited', async () => {
  let last: Answer | undefined;
  for (let sent = 0; sent < 60 && last?.status !== 429; sent++)
    last = await ask(at('/.hauberk/callback'), { headers: json });
  assert.ok(last);
  assertDenied(last, 429, 'RATE_LIMITED');
  assert.ok(Number(last.headers['retry-after']) >= 1);
});
