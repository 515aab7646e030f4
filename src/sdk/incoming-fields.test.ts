import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { incomingFields } from './incoming-fields.ts';
import { EDGE, ID, serving, TXN } from './serve.harness.ts';

/** Names that say who someone is, as strangers spell them. */
const FORGED = {
  ...{
    x_user_id: 'root',
    'X_USER-Roles': 'admin',
    'x.session.id': '1',
    'X-Spiffe-Id': 'spiffe://x',
  },
  ...{ 'X-Forwarded-Client-Cert': 'By=spiffe://x', 'x-forwarded-for': '10.0.0.1', Forwarded: 'for=10.0.0.1' },
  ...{
    'X-Real-IP': '10.0.0.1',
    'X-Original-URL': '/admin',
    'X-HTTP-Method-Override': 'DELETE',
    'X-Tenant-ID': 'bank-b',
  },
  ...{
    'Remote-User': 'root',
    'X-Auth-Request-User': 'root',
    'x-amzn-oidc-identity': 'root',
    'X-Hauberk-Code': 'ALLOWED',
  },
  ...{ traceparent: `00-${'b'.repeat(32)}-${'c'.repeat(16)}-01`, tracestate: 'a=b', baggage: 'user=root' },
};
const OWN = { 'X-User-ID': 'spiffe://bank-a/user/12345', 'X-User-Roles': 'user', 'X-Forwarded-For': '192.0.2.1' };
const plain = { 'Content-Language': 'en', 'X-Account-Owner': 'anyone' };

const seen = ({ body }: { body: unknown }): Record<string, unknown> => Object(Object(body).headers);
const names = (asked: { body: unknown }): string[] =>
  Object.keys(seen(asked)).filter((name) => !['host', 'connection'].includes(name));

test('a service that calls cannot say who the user is, where the request came from or what a proxy decided, in any spelling', () =>
  serving(async ({ ask, token }) => {
    assert.deepEqual(names(await ask('/', { headers: { ...FORGED, ...plain } })), [
      'content-language',
      'x-account-owner',
    ]);
    const headers = { ...FORGED, ...plain, 'Txn-Token': await token() };
    assert.deepEqual(names(await ask('/', { headers })), ['content-language', 'x-account-owner', 'txn-token']);
  }));

test('the edge that signed the token of the request says it, spelled plainly and once', () =>
  serving(
    async ({ ask, token }) => {
      const odd = { x_email: 'a', 'x.tenant': 'bank-b', 'X-Tenant': 'bank-a' };
      const fields = seen(await ask('/', { headers: { ...OWN, ...plain, ...odd, 'Txn-Token': await token() } }));
      for (const [name, value] of Object.entries({ ...OWN, ...plain })) assert.equal(fields[name.toLowerCase()], value);
      // Two spellings of one name: readers that fold them would join both, so neither is left.
      for (const name of ['x_email', 'x.tenant', 'x-tenant']) assert.equal(fields[name], undefined, name);
    },
    { caller: EDGE },
  ));

test('two spellings of a field that carries an identity are refused, whoever sends them', async () => {
  for (const caller of [ID, EDGE])
    await serving(
      async ({ ask, token }) => {
        const headers = { 'X-User-ID': 'a', x_user_id: 'b', 'Txn-Token': await token() };
        assert.equal((await ask('/', { headers })).code, 'REQUEST_CREDENTIALS_DOUBLED');
        assert.equal((await ask('/', { headers: { 'Txn-Token': 'a', txn_token: 'b' } })).code, 'TOKEN_DUPLICATED');
      },
      { caller },
    );
});

test('the same edge says nothing of the user where the request carries no token of its own', () =>
  serving(
    async ({ ask }) =>
      assert.deepEqual(names(await ask('/', { headers: { ...OWN, ...plain } })), [
        'content-language',
        'x-account-owner',
      ]),
    {
      caller: EDGE,
    },
  ));

test('the caller’s span is seen only where it belongs to the transaction of the token', () =>
  serving(async ({ ask, token }) => {
    const traceparent = `00-${TXN}-${'c'.repeat(16)}-01`;
    const headers = { traceparent, 'Txn-Token': await token() };
    assert.equal(seen(await ask('/', { headers })).traceparent, traceparent);
    assert.equal(seen(await ask('/', { headers: { traceparent } })).traceparent, undefined);
  }));

test('an internal JWT is for this service, or the request is refused; a bearer that is none is refused; other schemes are not seen', () =>
  serving(async ({ ask, token }) => {
    const bearer = async (change: object) =>
      ask('/', { headers: { Authorization: `Bearer ${await token('internal-jwt', { ...change })}` } });
    for (const services of [undefined, ['service'], ['other', 'service.bank-a']]) {
      const change = services === undefined ? {} : { allowed_services: services };
      assert.match(String(seen(await bearer(change)).authorization), /^Bearer ey/);
    }
    for (const services of [[], ['other'], ['service.bank-b'], ['Service']])
      assert.equal((await bearer({ allowed_services: services })).code, 'TOKEN_SERVICE_NOT_ALLOWED');
    assert.equal((await bearer({ aud: 'bank-b' })).code, 'TOKEN_AUDIENCE_MISMATCH');
    assert.equal(
      (await ask('/', { headers: { Authorization: `Bearer ${await token()}` } })).code,
      'TOKEN_KIND_MISMATCH',
    );
    assert.equal((await ask('/', { headers: { Authorization: 'bearer x.y.z' } })).code, 'TOKEN_MALFORMED');
    assert.equal(seen(await ask('/', { headers: { Authorization: 'Basic cm9vdDpyb290' } })).authorization, undefined);
  }));

test('an internal JWT alone makes nobody a user, and beside a Txn-Token it is of the same user', async () => {
  await serving(
    async ({ ask, token }) => {
      const Authorization = `Bearer ${await token('internal-jwt')}`;
      assert.deepEqual((await ask('/', { headers: { Authorization } })).body, {});
      const other = { sub: 'spiffe://bank-a/user/1' };
      const headers = { Authorization, 'Txn-Token': await token('txn-token', other) };
      assert.equal((await ask('/', { headers })).code, 'TOKEN_CLAIM_INVALID');
    },
    { handler: async ({ authority: { user } }) => ({ body: JSON.stringify({ user }) }) },
  );
});

test('no spelling of an identity name passes for anything else', () => {
  const names = ['x-user-id', 'txn-token', 'x-spiffe-id', 'x-forwarded-client-cert', 'remote-user', 'x-session-id'];
  const spelling = fc.tuple(
    fc.constantFrom(...names),
    fc.infiniteStream(fc.tuple(fc.boolean(), fc.constantFrom('-', '_', '.', '~', '--', '_-', '!'))),
  );
  fc.assert(
    fc.property(spelling, ([name, choices]) => {
      const next = (): [boolean, string] => choices.next().value ?? [false, '-'];
      const spelled = [...name].map((one) => (one === '-' ? next()[1] : next()[0] ? one.toUpperCase() : one)).join('');
      const headers = { [spelled.toLowerCase()]: 'root', 'x-other': 'kept' };
      const seen = incomingFields(headers, [spelled, 'root'], { fromEdge: false, verified: new Set() });
      assert.deepEqual(seen, { 'x-other': 'kept' });
    }),
  );
});
