import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestEntries } from './nearest-entries.ts';

const entry = (spiffeId: string, ...selectors: readonly string[]) => ({ spiffeId, selectors });
const ENTRIES = [
  entry('spiffe://platform.example/edge', 'supervisor:service:platform/edge'),
  entry('spiffe://bank-a/accounts', 'supervisor:service:bank-a/accounts'),
  entry('spiffe://bank-a/greeter', 'supervisor:service:bank-a/greeter'),
  entry('spiffe://bank-a/strict', 'supervisor:service:bank-a/greter', 'unix:uid:7', 'unix:path:/x'),
];
const nearest = (...seen: readonly string[]) =>
  nearestEntries(ENTRIES, new Set(seen), 2).map(({ entry: { spiffeId }, missing }) => [spiffeId, ...missing]);

test('of entries that lack as much, the one whose selector was nearly seen is the nearest', () => {
  assert.deepEqual(nearest('unix:uid:1', 'supervisor:service:bank-a/greter'), [
    ['spiffe://bank-a/greeter', 'supervisor:service:bank-a/greeter'],
    ['spiffe://bank-a/accounts', 'supervisor:service:bank-a/accounts'],
  ]);
});

test('fewer missing selectors go before a likeness', () => {
  assert.equal(nearest('supervisor:service:bank-a/greter', 'unix:uid:7')[0]?.[0], 'spiffe://bank-a/greeter');
  assert.deepEqual(nearest('supervisor:service:bank-a/greeter')[0], ['spiffe://bank-a/greeter']);
});
