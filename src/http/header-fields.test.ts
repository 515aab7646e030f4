import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSingleFields, claimedIdentities, type Field, forwardableFields } from './header-fields.ts';

const INJECTED = new Set(['x-account-owner']);
const fields = (...pairs: readonly (readonly [string, string])[]): readonly Field[] =>
  pairs.map(([name, value]) => ({ name, value }));

const FORGED = [
  ...[
    'X-User-ID',
    'x_user_id',
    'X_User_ID',
    'x-user_id',
    'X.User.ID',
    'x.user-id',
    'X-USER-ID',
    'X--User--Id',
    'x!user~id',
    'X-User',
  ],
  ...[
    'X-Spiffe-ID',
    'x_spiffe_id',
    'X-Session-ID',
    'X-User-Roles',
    'Txn-Token',
    'txn_token',
    'TXN-TOKEN',
    'Authorization',
    'Proxy-Authorization',
  ],
  ...[
    'X-Forwarded-For',
    'X-Forwarded-User',
    'x_forwarded_host',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
  ],
  ...[
    'X-Request-ID',
    'traceparent',
    'tracestate',
    'baggage',
    'X-Envoy-Original-Path',
    'X-Forwarded-Client-Cert',
    'SSL-Client-Verify',
    'Remote-User',
  ],
  ...[
    'X-Account-Owner',
    'x_account_owner',
    'X-Account.Owner',
    'X-Hauberk-Code',
    'X-Tenant-ID',
    'X-Auth-Request-Email',
    'X-Amzn-Oidc-Identity',
    'X-Roles',
  ],
  ...[
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'HTTP2-Settings',
    'Host',
    'Content_Length',
    'x_anything',
  ],
];

for (const name of FORGED) {
  test(`${name} from a client does not go on`, () => {
    assert.deepEqual(forwardableFields(fields([name, 'x']), INJECTED), []);
  });
}

test('names that claim an identity are told as they were spelt; what every proxy and tracer writes is none', () => {
  const ordinary = fields(
    ['X-Request-Id', '1'],
    ['traceparent', '1'],
    ['X-Forwarded-For', '1'],
    ['Via', '1'],
    ['Authorization', 'x'],
    ['Accept', 'x'],
  );
  assert.deepEqual(claimedIdentities(ordinary, INJECTED), []);
  const claimed = fields(['X_User_ID', '1'], ['Txn-Token', '1'], ['X-Forwarded-User', '1']);
  assert.deepEqual(claimedIdentities([...ordinary, ...claimed.slice(0, 2)], INJECTED), ['X_User_ID', 'Txn-Token']);
  const many = Array.from({ length: 100 }, (_, index): readonly [string, string] => [`X-User-${index}`, 'x']);
  assert.equal(claimedIdentities(fields(...many), INJECTED).length, 16);
});

test('ordinary fields go on as they came', () => {
  const kept = fields(
    ['Accept', '*/*'],
    ['Cookie', 'a=b'],
    ['Content-Type', 'application/json'],
    ['X-Custom', '1'],
    ['Origin', 'http://x'],
  );
  assert.deepEqual(forwardableFields(kept, INJECTED), kept);
});

test('a nominated field is taken out before injection', () => {
  assert.deepEqual(
    forwardableFields(fields(['Connection', 'close, X-Custom'], ['X-Custom', '1'], ['Accept', 'a']), INJECTED),
    fields(['Accept', 'a']),
  );
});

for (const name of ['Host', 'content-length', 'Content-Type', 'cookie', 'Content-Encoding']) {
  test(`a client cannot nominate ${name}`, () => {
    assert.throws(() => forwardableFields(fields(['Connection', `close, ${name}`]), INJECTED), {
      code: 'REQUEST_AMBIGUOUS',
    });
  });
}

for (const [first, second] of [
  ['Authorization', 'authorization'],
  ['Txn-Token', 'Txn-Token'],
  ['Txn-Token', 'txn_token'],
  ['Proxy-Authorization', 'proxy-authorization'],
] as const) {
  test(`${first} beside ${second} is two credentials`, () => {
    assert.throws(() => assertSingleFields(fields([first, 'a'], [second, 'a'])), {
      code: 'REQUEST_CREDENTIALS_DOUBLED',
    });
  });
}

for (const pairs of [
  [
    ['Content-Type', 'a'],
    ['Content-Type', 'a'],
  ],
  [
    ['Content-Length', '1'],
    ['content_length', '1'],
  ],
  [
    ['Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'chunked'],
  ],
  [['Transfer-Encoding', 'gzip, chunked']],
  [
    ['Origin', 'a'],
    ['Origin', 'b'],
  ],
] as const) {
  test(`refuses ${JSON.stringify(pairs)}`, () => {
    assert.throws(() => assertSingleFields(fields(...pairs)), { code: 'REQUEST_AMBIGUOUS' });
  });
}

test('one of each is accepted', () => {
  assertSingleFields(
    fields(['Authorization', 'a'], ['Txn-Token', 'b'], ['Content-Length', '1'], ['Accept', 'a'], ['Accept', 'b']),
  );
});

test('200 fields are read and not one more', () => {
  const many = (count: number): readonly Field[] => Array.from({ length: count }, () => ({ name: 'a', value: 'b' }));
  assertSingleFields(many(200));
  assert.throws(() => assertSingleFields(many(201)), { code: 'LIMIT_EXCEEDED' });
});
