import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntryResource } from '#wire';
import { lintEntries, nearestId } from './lint-rules.ts';

const DAY = 86_400;
const NOW = 1000 * DAY;

const entry = (change: Partial<EntryResource> & { readonly id: string }): EntryResource => ({
  spiffeId: `spiffe://bank-a/${change.id}`,
  parentId: 'spiffe://bank-a/node/local',
  selectors: [`supervisor:service:bank-a/${change.id}`],
  owner: 'team',
  ...change,
});

function rules(entries: readonly EntryResource[], uses: ReadonlyMap<string, number> = new Map()): readonly string[] {
  const findings = lintEntries({ trustDomain: 'bank-a', entries, uses, nowSeconds: NOW });
  return findings.map(({ entry: id, rule }) => `${id} ${rule}`);
}

test('sound entries have no finding', () => {
  const sound = [entry({ id: 'api-gateway' }), entry({ id: 'account-service', createdAt: NOW - 89 * DAY })];
  assert.deepEqual(rules(sound), []);
});

test('one identity for a whole namespace or user', () => {
  assert.deepEqual(rules([entry({ id: 'a', selectors: ['k8s:ns:pay'] })]), ['a whole-namespace']);
  assert.deepEqual(rules([entry({ id: 'a', selectors: ['k8s:ns:pay', 'k8s:sa:app'] })]), []);
  assert.deepEqual(rules([entry({ id: 'a', selectors: ['unix:uid:1000'] })]), ['a whole-user']);
  assert.deepEqual(rules([entry({ id: 'a', selectors: ['unix:uid:1000', 'unix:path:/usr/bin/x'] })]), []);
});

test('instances and roles in paths', () => {
  const at = (path: string) => rules([entry({ id: 'a', spiffeId: `spiffe://bank-a/${path}` })]);
  for (const path of [
    'web/10.0.0.7',
    'web/3f2504e0-4f89-41d3-9a0c-0305e82c3301',
    'web-7d9c5b8f6c-x2x4z',
    'db-0',
    'i-0abc12345678',
  ])
    assert.deepEqual(at(path), ['a instance-in-path'], path);
  for (const path of ['ns/pay/Admin', 'reader']) assert.deepEqual(at(path), ['a role-like'], path);
  for (const path of ['payment-service', 'ns/pay/sa/administration', 's3-proxy']) assert.deepEqual(at(path), [], path);
});

test('an entry that another one contains is told once, by the one that contains it', () => {
  const wide = entry({ id: 'wide', selectors: ['k8s:ns:pay', 'k8s:sa:app'] });
  const narrow = entry({ id: 'narrow', selectors: ['k8s:sa:app', 'k8s:ns:pay', 'k8s:pod-label:x:y'] });
  assert.deepEqual(rules([wide, narrow]), ['narrow overlap']);
  assert.deepEqual(rules([wide, { ...narrow, parentId: 'spiffe://bank-a/node/other' }]), []);
  assert.deepEqual(rules([wide, { ...narrow, spiffeId: wide.spiffeId }]), []);
});

test('what many entries have in common is not compared: thousands of them are looked through at once', () => {
  const common = ['k8s:ns:pay', 'k8s:sa:app', 'k8s:container-name:main'];
  const many = Array.from({ length: 20_000 }, (_, at) =>
    entry({ id: `w${at}`, spiffeId: `spiffe://bank-a/w${at}x`, selectors: [...common, `unix:uid:${at}`] }),
  );
  const wide = entry({ id: 'wide', selectors: ['unix:uid:7', 'k8s:ns:pay'] });
  assert.deepEqual(rules([...many, wide]), ['w7 overlap']);
});

test('staging beside production', () => {
  const staging = entry({ id: 's', spiffeId: 'spiffe://bank-a/staging/web' });
  const production = entry({ id: 'p', spiffeId: 'spiffe://bank-a/web.prod' });
  assert.deepEqual(rules([staging, production]), ['s stages-mixed']);
  assert.deepEqual(rules([staging]), []);
});

test('nobody answers for it, and nobody has used it for 90 days', () => {
  const { owner: _, ...without } = entry({ id: 'a' });
  assert.deepEqual(rules([without]), ['a no-owner']);
  assert.deepEqual(rules([entry({ id: 'a', createdAt: NOW - 90 * DAY })]), ['a unused']);
  assert.deepEqual(rules([entry({ id: 'a', createdAt: 0 })], new Map([['a', NOW - 90 * DAY]])), ['a unused']);
  assert.deepEqual(rules([entry({ id: 'a', createdAt: 0 })], new Map([['a', NOW - 89 * DAY]])), []);
});

test('an id that nobody gives has a nearest one', () => {
  assert.equal(nearestId('spiffe://bank-a/gatewai', [entry({ id: 'gateway' })]), 'spiffe://bank-a/gateway');
  assert.equal(nearestId('spiffe://bank-a/other', [entry({ id: 'gateway' })]), undefined);
});
