import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalTarget } from '#http';
import { findAuthService, parseAuthService } from './auth-service.ts';
import { injectedNames, parseMapping } from './mapping.ts';
import { RouteTable, rewritePath } from './route-table.ts';

const invalid = { code: 'CONFIG_INVALID' };
const mapping = (name: string, spec: object): unknown => ({
  metadata: { name, namespace: 'n' },
  spec: { hostname: 'bank.localhost', prefix: '/', service: 'https://s.n', ...spec },
});
const route = (name: string, spec: object) => parseMapping(mapping(name, spec));

function find(
  table: RouteTable,
  path: string,
  method = 'GET',
  host = 'bank.localhost',
  headers = {},
): string | undefined {
  return table.find({ target: canonicalTarget({ target: path, hosts: [host], scheme: 'http' }), method, headers })
    ?.name;
}

test('precedence, then the longer prefix, then more header text', () => {
  const table = new RouteTable([
    route('root', {}),
    route('a', { prefix: '/a/' }),
    route('a-b', { prefix: '/a/b/' }),
    route('first', { prefix: '/a/b/c', precedence: 1, method: 'POST' }),
    route('canary', { prefix: '/a/', headers: { 'X-Canary': 'yes' } }),
  ]);
  assert.equal(find(table, '/a/x'), 'n/a');
  assert.equal(find(table, '/a/b/c'), 'n/a-b');
  assert.equal(find(table, '/a/b/c', 'POST'), 'n/first');
  assert.equal(find(table, '/a/x', 'GET', 'bank.localhost', { 'x-canary': 'yes' }), 'n/canary');
  assert.equal(find(table, '/elsewhere'), 'n/root');
});

test('hostnames match exactly, by *.suffix, by prefix* or by *', () => {
  for (const [hostname, yes, no] of [
    ['bank.localhost', 'bank.localhost', 'xbank.localhost'],
    ['*.localhost', 'a.localhost', 'localhost'],
    ['bank.*', 'bank.example', 'abank.example'],
    ['*', 'anything', undefined],
  ] as const) {
    const table = new RouteTable([route('r', { hostname })]);
    assert.equal(find(table, '/', 'GET', yes), 'n/r');
    if (no !== undefined) assert.equal(find(table, '/', 'GET', no), undefined);
  }
});

test('case counts unless the Mapping says otherwise; exact means exact', () => {
  assert.equal(find(new RouteTable([route('r', { prefix: '/A/' })]), '/a/'), undefined);
  assert.equal(find(new RouteTable([route('r', { prefix: '/A/', case_sensitive: false })]), '/a/x'), 'n/r');
  assert.equal(find(new RouteTable([route('r', { prefix: '/a', prefix_exact: true })]), '/a/'), undefined);
});

test('two routes for the same requests are refused', () => {
  assert.throws(() => new RouteTable([route('a', {}), route('b', {})]), invalid);
});

test('the prefix gives way to the rewrite', () => {
  assert.equal(rewritePath(route('r', { prefix: '/bank-a/' }), '/bank-a/accounts'), '/accounts');
  assert.equal(rewritePath(route('r', { prefix: '/bank-a' }), '/bank-a/accounts'), '/accounts');
  assert.equal(rewritePath(route('r', { prefix: '/bank-a/', rewrite: '/v1' }), '/bank-a/x'), '/v1x');
  assert.equal(rewritePath(route('r', { prefix: '/bank-a/', rewrite: '' }), '/bank-a/x'), '/bank-a/x');
});

test('a dot segment that only the rewrite uncovers is refused', () => {
  assert.throws(() => rewritePath(route('r', { prefix: '/files' }), '/files../secret'), { code: 'REQUEST_AMBIGUOUS' });
});

for (const spec of [
  { service: 'http://s.n' },
  { service: 's' },
  { service: 'https://s.n:443' },
  { prefix: 'x' },
  { prefix_regex: true },
  { weight: 10 },
  { shadow: true },
  { hostname: 'a.*.b' },
  { timeout_ms: 0 },
  { timeout_ms: '3' },
  { headers: { Host: 'x' } },
  { add_request_headers: { Authorization: 'x' } },
  { jwt: { requireTokens: true } },
  { jwt: { injectRequestHeaders: [{ name: 'X', value: '{{ .httpRequestHeader.Get "X" }}' }] } },
  { jwt: { injectRequestHeaders: [{ name: 'X', value: '{{ .token.Raw }}' }] } },
  { jwt: { injectRequestHeaders: [{ name: 'Txn-Token', value: '{{ .token.sub }}' }] } },
  { jwt: { injectRequestHeaders: [{ name: 'bad name', value: 'x' }] } },
  { bypass_auth: true, jwt: { requireToken: true } },
]) {
  test(`refuses the Mapping ${JSON.stringify(spec)}`, () => assert.throws(() => route('r', spec), invalid));
}

test('names that a Mapping injects are known in normal form', () => {
  const one = route('r', { jwt: { injectRequestHeaders: [{ name: 'X-Account-Owner', value: '{{ .token.sub }}' }] } });
  assert.ok(injectedNames([one]).has('x-account-owner'));
});

test('templates read claims, join lists, and are undefined when a claim is absent', () => {
  const { jwt } = route('r', {
    jwt: { injectRequestHeaders: [{ name: 'A', value: 'u={{ .token.sub }};{{.token.Claims.roles}}' }] },
  });
  const value = jwt?.injectRequestHeaders[0]?.value;
  assert.equal(value?.({ sub: 's', roles: ['a', 'b'] }), 'u=s;a,b');
  assert.equal(value?.({ sub: 's' }), undefined);
  for (const sub of ['a\r\nX-Admin: 1', 'é', 'a\u0000', 'a\n'])
    assert.throws(() => value?.({ sub, roles: ['a'] }), { code: 'TOKEN_CLAIM_INVALID' });
  for (const roles of [['a,admin'], [''], [1]])
    assert.throws(() => value?.({ sub: 's', roles }), { code: 'TOKEN_CLAIM_INVALID' });
});

test('an AuthService is the edge itself or one that is asked over HTTP', () => {
  const service = (spec: object): unknown => ({ kind: 'AuthService', metadata: { name: 'a', namespace: 'n' }, spec });
  assert.equal(parseAuthService(service({ auth_service: 'hauberk' })).kind, 'hauberk');
  assert.equal(parseAuthService(service({ auth_service: 'auth:3000', path_prefix: '/x/' })).kind, 'external');
  assert.equal(findAuthService([]).kind, 'hauberk');
  for (const spec of [
    {},
    { auth_service: 'a/b' },
    { auth_service: 'a', proto: 'grpc' },
    { auth_service: 'a', failure_mode_allow: true },
    { auth_service: 'a', allow_request_body: true },
    { auth_service: 'a', status_on_error: { code: 200 } },
    { auth_service: 'a', nonsense: 1 },
  ])
    assert.throws(() => parseAuthService(service(spec)), invalid, JSON.stringify(spec));
  assert.throws(() => findAuthService([service({ auth_service: 'hauberk' }), service({ auth_service: 'b' })]), invalid);
});
