import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planDocuments } from './documents.ts';

const domain = (name: string, spec: object = { namespaces: [name] }) => ({
  apiVersion: 'hauberk.dev/v1',
  kind: 'TrustDomain',
  metadata: { name },
  spec,
});
const entry = (spec: object, trustDomain = 'bank-a', name = 'e') => ({
  apiVersion: 'hauberk.dev/v1',
  kind: 'Entry',
  metadata: { name, trustDomain },
  spec: { spiffeId: 'spiffe://bank-a/x', parentId: 'spiffe://bank-a/node/local', selectors: ['unix:uid:1'], ...spec },
});
const policy = (spec: object, namespace = 'bank-a', name = 'p') => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name, namespace },
  spec,
});
const cedar = (text: string, trustDomain = 'bank-a') => ({
  apiVersion: 'hauberk.dev/v1',
  kind: 'CedarPolicy',
  metadata: { name: 'c', trustDomain },
  spec: { text },
});

function plan(...documents: readonly object[]) {
  return planDocuments(
    documents.map((one) => JSON.stringify(one)),
    [],
  );
}

function problems(...documents: readonly object[]): readonly (readonly unknown[])[] {
  const { changes, problems: found } = plan(domain('bank-a'), domain('bank-b'), ...documents);
  if (found.length > 0) assert.equal(changes.size, 0, 'something would be changed');
  return found.map(({ document, path, nearest, line }) => [document, path, nearest ?? line]);
}

test('what can be enforced becomes changes, trust domain by trust domain', () => {
  const { changes, problems: found } = plan(
    domain('bank-a'),
    entry({}),
    policy({ rules: [{}] }),
    cedar('permit (principal, action, resource);'),
  );
  assert.deepEqual(found, []);
  assert.deepEqual(
    changes.get('bank-a')?.map(({ kind }) => kind),
    ['TrustDomain', 'Entry', 'AuthorizationPolicy', 'CedarPolicy'],
  );
});

test('a policy that would close its trust domain is refused where it is wrong', () => {
  assert.deepEqual(problems(policy({ rules: [{ from: [{ source: { principal: ['x'] } }] }] })), [
    [2, 'spec.rules[0].from[0].source.principal', 'principals'],
  ]);
  assert.deepEqual(problems(policy({ action: 'CUSTOM', rules: [{}] })), [[2, 'spec.action', undefined]]);
});

test('Cedar that cannot be read is told with its line, and Cedar that cannot be evaluated whole with its policy', () => {
  assert.deepEqual(problems(cedar('permit (principal, action, resource);\npermit (principal action);')), [
    [2, 'spec.text', 2],
  ]);
  const extension = 'permit (principal, action, resource) when { ip("10.0.0.1").isLoopback() };';
  assert.deepEqual(problems(cedar(extension)), [[2, 'spec.text', undefined]]);
  assert.deepEqual(problems(cedar('permit (principal == ?principal, action, resource);')), [
    [2, 'spec.text', undefined],
  ]);
});

test('an entry that may not be issued is refused before anything is stored', () => {
  for (const spec of [
    { spiffeId: 'spiffe://bank-b/x' },
    { parentId: 'spiffe://bank-b/node/local' },
    { spiffeId: 'spiffe://bank-a/user/1' },
    { spiffeId: 'spiffe://bank-a/spire/agent/x' },
    { spiffeId: 'spiffe://bank-a' },
  ])
    assert.deepEqual(problems(entry(spec)), [[2, 'spec', undefined]]);
});

test('names that nothing has are told with the nearest', () => {
  assert.deepEqual(problems(entry({}, 'bank-c')), [[2, 'metadata.trustDomain', 'bank-a']]);
  assert.deepEqual(problems(policy({}, 'bnk-b')), [[2, 'metadata.namespace', 'bank-b']]);
  assert.deepEqual(problems(domain('bank-c', { namespaces: ['bank-a'] }), policy({})), [
    [3, 'metadata.namespace', undefined],
  ]);
});

test('a policy of the root namespace goes to every trust domain that lists it', () => {
  const root = { namespaces: ['istio-system'] };
  const { changes } = plan(domain('a', root), domain('b', root), domain('c'), policy({}, 'istio-system'));
  assert.deepEqual(
    [...changes].filter(([, list]) => list.some(({ kind }) => kind === 'AuthorizationPolicy')).map(([name]) => name),
    ['a', 'b'],
  );
});

test('two documents of one name, kinds that are not stored and text that is no JSON are told together', () => {
  const edge = {
    apiVersion: 'getambassador.io/v2',
    kind: 'AuthService',
    metadata: { name: 'x', namespace: 'bank-a' },
    spec: { auth_service: 'x' },
  };
  assert.deepEqual(problems(entry({}), entry({}), edge), [
    [4, '', undefined],
    [3, 'metadata.name', undefined],
  ]);
  assert.equal(planDocuments(['{'], []).problems.length, 1);
});
