import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthorizationPolicyResource } from '#wire';
import { compileReach, findReachProblem, type ReachRequest } from './index.ts';

const policy = (spec: Record<string, unknown>, name = 'p', namespace = 'bank-a'): AuthorizationPolicyResource => ({
  metadata: { name, namespace },
  spec,
});
const request = (change: Partial<ReachRequest> = {}): ReachRequest => ({
  workload: { namespace: 'bank-a', labels: { app: 'account-service' } },
  principal: 'spiffe://bank-a/api-gateway',
  method: 'GET',
  path: '/accounts/1',
  host: 'account-service.bank-a',
  headers: { 'x-user-id': 'alice' },
  ...change,
});
const from = (source: object) => ({ rules: [{ from: [{ source }] }] });
const to = (operation: object) => ({ rules: [{ to: [{ operation }] }] });
const when = (condition: object) => ({ rules: [{ when: [condition] }] });
const code = (specs: readonly Record<string, unknown>[], change?: Partial<ReachRequest>): string =>
  compileReach(specs.map((spec, index) => policy(spec, `p${index}`))).decide(request(change)).code;

const claims = (name: string, values: readonly string[]) => when({ key: `request.auth.claims[${name}]`, values });

const SA = 'spiffe://td/ns/pay/sa/app';
const ISS = 'spiffe://platform.example/edge';
const SUB = 'spiffe://bank-a/user/12345';
const USER = { requestPrincipal: { iss: ISS, sub: SUB } };

const cases: readonly (readonly [string, readonly Record<string, unknown>[], string, Partial<ReachRequest>?])[] = [
  ['no policy at all', [], 'POLICY_NO_POLICY'],
  ['an empty spec', [{}], 'POLICY_NO_RULE_MATCHES'],
  ['a rule without parts', [{ rules: [{}] }], 'ALLOWED'],
  ['a selector of other labels', [{ selector: { matchLabels: { app: 'x' } }, rules: [{}] }], 'POLICY_NO_POLICY'],
  ['a selector of its labels', [{ selector: { matchLabels: { app: 'account-service' } }, rules: [{}] }], 'ALLOWED'],
  [
    'a selector of which one label is another',
    [{ selector: { matchLabels: { app: 'account-service', version: '2' } }, rules: [{}] }],
    'POLICY_NO_POLICY',
  ],
  ['the caller by name', [from({ principals: ['bank-a/api-gateway'] })], 'ALLOWED'],
  ['another caller', [from({ principals: ['bank-a/user-service'] })], 'POLICY_NO_RULE_MATCHES'],
  ['a caller whose name begins alike', [from({ principals: ['bank-a/api'] })], 'POLICY_NO_RULE_MATCHES'],
  [
    'the same path in another trust domain',
    [from({ principals: ['bank-a/api-gateway'] })],
    'POLICY_NO_RULE_MATCHES',
    { principal: 'spiffe://bank-b/api-gateway' },
  ],
  ['principals written with the scheme', [from({ principals: ['spiffe://bank-a/api-gateway'] })], 'POLICY_ERROR'],
  ['a prefix', [from({ principals: ['bank-a/*'] })], 'ALLOWED'],
  ['a suffix', [from({ principals: ['*/api-gateway'] })], 'ALLOWED'],
  [
    'a star in the middle, which is a literal',
    [from({ principals: ['bank-*/api-gateway'] })],
    'POLICY_NO_RULE_MATCHES',
  ],
  ['any principal', [from({ principals: ['*'] })], 'ALLOWED'],
  [
    'any principal, and a caller without',
    [from({ principals: ['*'] })],
    'POLICY_NO_RULE_MATCHES',
    { principal: undefined as never },
  ],
  ['a namespace by id', [from({ namespaces: ['a.b'] })], 'ALLOWED', { principal: 'spiffe://td/ns/a.b/sa/x' }],
  [
    'a namespace with a dot, which is no wildcard',
    [from({ namespaces: ['a.b'] })],
    'POLICY_NO_RULE_MATCHES',
    { principal: 'spiffe://td/ns/aXb/sa/x' },
  ],
  [
    'a deny beside an allow',
    [{ rules: [{}] }, { action: 'DENY', ...from({ principals: ['bank-a/api-gateway'] }) }],
    'POLICY_DENIED',
  ],
  ['a deny of another', [{ rules: [{}] }, { action: 'DENY', ...from({ principals: ['bank-a/x'] }) }], 'ALLOWED'],
  [
    'a deny unless mTLS, and a caller without certificate',
    [{ rules: [{}] }, { action: 'DENY', ...from({ notPrincipals: ['*'] }) }],
    'POLICY_DENIED',
    { principal: undefined as never },
  ],
  ['a deny alone', [{ action: 'DENY', ...from({ principals: ['x'] }) }], 'POLICY_NO_POLICY'],
  ['the method', [to({ methods: ['GET'] })], 'ALLOWED'],
  ['the method in another case', [to({ methods: ['get'] })], 'POLICY_NO_RULE_MATCHES'],
  ['a path prefix', [to({ paths: ['/accounts/*'] })], 'ALLOWED'],
  ['a path that is only part', [to({ paths: ['/accounts'] })], 'POLICY_NO_RULE_MATCHES'],
  ['not a path', [to({ notPaths: ['/accounts/*'] })], 'POLICY_NO_RULE_MATCHES'],
  ['a host in another case', [to({ hosts: ['ACCOUNT-service.bank-a'] })], 'ALLOWED'],
  ['a header that is there', [when({ key: 'request.headers[X-User-Id]', values: ['*'] })], 'ALLOWED'],
  ['a header that is not there', [when({ key: 'request.headers[x-other]', values: ['*'] })], 'POLICY_NO_RULE_MATCHES'],
  [
    'a header name of the prototype',
    [when({ key: 'request.headers[constructor]', values: ['*'] })],
    'POLICY_NO_RULE_MATCHES',
  ],
  ['a negated header that is absent', [when({ key: 'request.headers[x-other]', notValues: ['x'] })], 'ALLOWED'],
  ['a request principal without token', [from({ requestPrincipals: ['*'] })], 'POLICY_NO_RULE_MATCHES'],
  [
    'a request principal',
    [from({ requestPrincipals: ['iss/*'] })],
    'ALLOWED',
    { requestPrincipal: { iss: 'iss', sub: 'sub' } },
  ],
  [
    'a condition key that is not known, in a deny',
    [{ rules: [{}] }, { action: 'DENY', ...when({ key: 'nonsense', values: ['x'] }) }],
    'POLICY_ERROR',
  ],
  [
    'a field that is not evaluated',
    [{ rules: [{}] }, { action: 'DENY', ...from({ remoteIpBlocks: ['10.0.0.0/8'] }) }],
    'POLICY_ERROR',
  ],
  ['an action that is not offered', [{ rules: [{}] }, { action: 'CUSTOM', rules: [{}] }], 'POLICY_ERROR'],
  ['an empty from', [{ rules: [{ from: [] }] }], 'POLICY_ERROR'],
  ['a rule that is null, which is not the empty rule', [{ rules: [null] }], 'POLICY_ERROR'],
  ['an empty list of principals', [from({ principals: [] })], 'POLICY_ERROR'],
  ['an empty list in a deny', [{ rules: [{}] }, { action: 'DENY', ...to({ paths: [] }) }], 'POLICY_ERROR'],
  ['a deny without rules', [{ rules: [{}] }, { action: 'DENY' }], 'POLICY_ERROR'],
  ['a condition without values', [when({ key: 'request.headers[x-user-id]' })], 'POLICY_ERROR'],
  ['a label that is no text', [{ selector: { matchLabels: { app: 1 } }, rules: [{}] }], 'POLICY_ERROR'],
  ['an operator that does not fill its segment', [to({ paths: ['/a{*}'] })], 'POLICY_ERROR'],
  ['an operator after the last one', [to({ paths: ['/{**}/{*}'] })], 'POLICY_ERROR'],
  ['a star beside a template', [to({ paths: ['/{*}/a*'] })], 'POLICY_ERROR'],
  ['a port that is told', [to({ ports: ['8443'] })], 'ALLOWED', { port: 8443 }],
  ['another port', [to({ ports: ['844'] })], 'POLICY_NO_RULE_MATCHES', { port: 8443 }],
  [
    'a port that is not told, in a deny',
    [{ rules: [{}] }, { action: 'DENY', ...to({ ports: ['8443'] }) }],
    'POLICY_ERROR',
  ],
  ['a service account', [from({ serviceAccounts: ['pay/app'] })], 'ALLOWED', { principal: SA }],
  [
    'a service account of another namespace',
    [from({ serviceAccounts: ['app'] })],
    'POLICY_NO_RULE_MATCHES',
    { principal: SA },
  ],
  [
    "a service account of the policy's own namespace",
    [from({ serviceAccounts: ['app'] })],
    'ALLOWED',
    { principal: 'spiffe://td/ns/bank-a/sa/app' },
  ],
  [
    'a service account with further segments',
    [from({ serviceAccounts: ['pay/app'] })],
    'ALLOWED',
    { principal: 'spiffe://td/k/v/ns/pay/k2/v2/sa/app/k3/v3' },
  ],
  [
    'a service account whose name begins alike',
    [from({ serviceAccounts: ['pay/ap'] })],
    'POLICY_NO_RULE_MATCHES',
    { principal: SA },
  ],
  [
    'a trust domain that is named like the segment of a namespace',
    [from({ serviceAccounts: ['pay/app'] })],
    'POLICY_NO_RULE_MATCHES',
    { principal: 'spiffe://ns/pay/sa/app' },
  ],
  ['a service account beside principals', [from({ serviceAccounts: ['app'], principals: ['*'] })], 'POLICY_ERROR'],
  ['a service account with a star', [from({ serviceAccounts: ['pay/*'] })], 'POLICY_ERROR'],
  ['a trust domain', [from({ trustDomains: ['bank-a'] })], 'ALLOWED'],
  ['a trust domain that begins alike', [from({ trustDomains: ['bank'] })], 'POLICY_NO_RULE_MATCHES'],
  ['a trust domain by prefix', [from({ trustDomains: ['bank-*'] })], 'ALLOWED'],
  ['not a trust domain', [from({ notTrustDomains: ['bank-a'] })], 'POLICY_NO_RULE_MATCHES'],
  [
    'a condition on the service account',
    [when({ key: 'source.serviceAccount', values: ['pay/app'] })],
    'ALLOWED',
    { principal: SA },
  ],
  [
    'a condition on the trust domain',
    [when({ key: 'source.trustDomain', notValues: ['bank-a'] })],
    'POLICY_NO_RULE_MATCHES',
  ],
  ['a namespace with a star within', [from({ namespaces: ['p*y'] })], 'ALLOWED', { principal: SA }],
  [
    'a request principal whose subject is a SPIFFE ID',
    [from({ requestPrincipals: [`${ISS}/${SUB}`] })],
    'ALLOWED',
    USER,
  ],
  ['subjects of one trust domain', [from({ requestPrincipals: [`${ISS}/spiffe://bank-a/*`] })], 'ALLOWED', USER],
  ['a subject of any issuer', [from({ requestPrincipals: [`*/${SUB}`] })], 'ALLOWED', USER],
  ['any subject of the issuer', [from({ requestPrincipals: [`${ISS}/*`] })], 'ALLOWED', USER],
  [
    'an issuer that begins alike',
    [from({ requestPrincipals: ['spiffe://platform.example/ed/*'] })],
    'POLICY_NO_RULE_MATCHES',
    USER,
  ],
  [
    'an issuer that ends with what another names as its subject',
    [from({ requestPrincipals: ['iss/sub*'] })],
    'POLICY_NO_RULE_MATCHES',
    { requestPrincipal: { iss: 'iss/subject', sub: 'x' } },
  ],
  ['a request principal without a slash', [from({ requestPrincipals: ['iss'] })], 'POLICY_NO_RULE_MATCHES', USER],
  ['not a request principal, and no token', [from({ notRequestPrincipals: ['*'] })], 'ALLOWED'],
  ['an empty source', [from({})], 'POLICY_ERROR'],
  ['an address in the block', [from({ ipBlocks: ['10.0.0.0/8'] })], 'ALLOWED', { sourceIp: '10.255.0.1' }],
  [
    'an address beside the block',
    [from({ ipBlocks: ['10.0.0.0/8'] })],
    'POLICY_NO_RULE_MATCHES',
    { sourceIp: '11.0.0.0' },
  ],
  ['an IPv4 address in its IPv6 form', [from({ ipBlocks: ['10.1.2.3'] })], 'ALLOWED', { sourceIp: '::ffff:10.1.2.3' }],
  ['an IPv6 address in the block', [from({ ipBlocks: ['fd00::/8'] })], 'ALLOWED', { sourceIp: 'fd12::1' }],
  ['not an address', [from({ notIpBlocks: ['10.0.0.0/8'] })], 'POLICY_NO_RULE_MATCHES', { sourceIp: '10.0.0.1' }],
  [
    'a condition on the address, in a deny',
    [{ rules: [{}] }, { action: 'DENY', ...when({ key: 'source.ip', values: ['::/0'] }) }],
    'POLICY_DENIED',
    { sourceIp: '::1' },
  ],
  [
    'an address that is not told, in a deny',
    [{ rules: [{}] }, { action: 'DENY', ...from({ ipBlocks: ['::/0'] }) }],
    'POLICY_ERROR',
  ],
  [
    'a block that is wider than its family',
    [from({ ipBlocks: ['10.0.0.0/33'] })],
    'POLICY_ERROR',
    { sourceIp: '10.0.0.1' },
  ],
  ['a block that is a name', [from({ ipBlocks: ['localhost'] })], 'POLICY_ERROR', { sourceIp: '127.0.0.1' }],
  ['a port that is no number', [to({ ports: ['*'] })], 'POLICY_ERROR', { port: 1 }],
  ['a claim', [claims('group', ['staff'])], 'ALLOWED', { claims: { group: 'staff' } }],
  ['a claim that is a list', [claims('group', ['staff'])], 'ALLOWED', { claims: { group: ['x', 'staff'] } }],
  [
    'another value of the claim',
    [claims('group', ['staff'])],
    'POLICY_NO_RULE_MATCHES',
    { claims: { group: 'staffer' } },
  ],
  ['a claim that is a number', [claims('group', ['1'])], 'POLICY_NO_RULE_MATCHES', { claims: { group: 1 } }],
  ['a claim without token', [claims('group', ['*'])], 'POLICY_NO_RULE_MATCHES'],
  ['a claim of the prototype', [claims('constructor', ['*'])], 'POLICY_NO_RULE_MATCHES', { claims: {} }],
  ['a claim within a claim', [claims('tctx][tier', ['gold'])], 'ALLOWED', { claims: { tctx: { tier: 'gold' } } }],
  ['a word of the scope', [claims('scope', ['read'])], 'ALLOWED', { claims: { scope: 'read write' } }],
  [
    'a part of a word of the scope',
    [claims('scope', ['rea'])],
    'POLICY_NO_RULE_MATCHES',
    { claims: { scope: 'read' } },
  ],
  ['a claim whose brackets are no chain', [claims('[group]', ['staff'])], 'POLICY_ERROR'],
  [
    'the audience',
    [when({ key: 'request.auth.audiences', values: ['bank-a'] })],
    'ALLOWED',
    { claims: { aud: 'bank-a' } },
  ],
  ['an AUDIT alone', [{ action: 'AUDIT', rules: [{}] }], 'POLICY_NO_POLICY'],
  ['an AUDIT beside an allow', [{ rules: [{}] }, { action: 'AUDIT', rules: [{}] }], 'ALLOWED'],
];

for (const [what, specs, expected, change] of cases) {
  test(`${expected} for ${what}`, () => assert.equal(code(specs, change), expected));
}

test('a policy of another namespace selects nothing', () => {
  const reach = compileReach([policy({ rules: [{}] }, 'p', 'bank-b')]);
  assert.equal(reach.decide(request()).code, 'POLICY_NO_POLICY');
});

test('a policy of the root namespace selects in every namespace, and its selector still counts', () => {
  const root = (spec: Record<string, unknown>) =>
    compileReach([policy(spec, 'p', 'istio-system')]).decide(request()).code;
  assert.equal(root({ rules: [{}] }), 'ALLOWED');
  assert.equal(root({ rules: [{}], selector: { matchLabels: { app: 'x' } } }), 'POLICY_NO_POLICY');
});

test('a root DENY is not carved out by an allow of the namespace', () => {
  const reach = compileReach([policy({ rules: [{}] }), policy({ action: 'DENY', rules: [{}] }, 'p', 'istio-system')]);
  assert.equal(reach.decide(request()).rule, 'istio-system/p#0');
});

test('a policy on trial neither opens nor closes; what it would match is told', () => {
  const trial = (spec: Record<string, unknown>): AuthorizationPolicyResource => ({
    metadata: { name: 't', namespace: 'bank-a', annotations: { 'istio.io/dry-run': 'true' } },
    spec,
  });
  assert.deepEqual(compileReach([trial({ rules: [{}] })]).decide(request()), {
    effect: 'deny',
    code: 'POLICY_NO_POLICY',
    audited: ['bank-a/t#0'],
  });
  const closing = compileReach([policy({ rules: [{}] }), trial({ action: 'DENY', rules: [{}] })]).decide(request());
  assert.deepEqual([closing.effect, closing.audited], ['allow', ['bank-a/t#0']]);
});

const problems: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ rules: [{}, { from: [{ source: { ipBlock: ['x'] } }] }] }, 'spec.rules[1].from[0].source.ipBlock'],
  [{ rules: [{ to: [{ operation: { paths: ['/a', '/{**}/{*}'] } }] }] }, 'spec.rules[0].to[0].operation.paths'],
  [{ rules: [{ when: [{ key: 'request.header[a]', values: ['x'] }] }] }, 'spec.rules[0].when[0].key'],
  [{ action: 'CUSTOM', provider: { name: 'x' }, rules: [{}] }, 'spec.provider'],
  [{ action: 'CUSTOM', rules: [{}] }, 'spec.action'],
  [{ targetRefs: [] }, 'spec.targetRefs'],
  [{ selector: { matchLabels: { app: 1 } } }, 'spec.selector.matchLabels.app'],
];
for (const [spec, path] of problems) {
  test(`a refused policy names ${path}`, () => assert.equal(findReachProblem(policy(spec))?.path, path));
}

test('the rule that decided is named', () => {
  assert.equal(
    compileReach([policy({ rules: [{ to: [{ operation: { methods: ['PUT'] } }] }, {}] })]).decide(request()).rule,
    'bank-a/p#1',
  );
});

const templates: readonly (readonly [string, string, boolean])[] = [
  ['/allow/admin/{**}', '/allow/admin/', true],
  ['/allow/admin/{**}', '/allow/admin', false],
  ['/allow/admin/{**}', '/allow/admin/a/b.txt', true],
  ['/foo/{*}/bar/{**}', '/foo/buzz/bar/x', true],
  ['/foo/{*}/bar/{**}', '/foo//bar/x', false],
  ['/foo/{*}/bar/{**}', '/foo/bar/x', false],
  ['/store/{**}/cart', '/store//cart', true],
  ['/store/{**}/cart', '/store/cart', false],
  ['/store/{**}/cart', '/store/a/b/cart', true],
];
for (const [template, path, matches] of templates) {
  test(`path template ${template} ${matches ? 'matches' : 'does not match'} ${path}`, () => {
    assert.equal(code([to({ paths: [template] })], { path }), matches ? 'ALLOWED' : 'POLICY_NO_RULE_MATCHES');
  });
}
