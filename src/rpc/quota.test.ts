import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsWithin } from './door-limits.ts';
import { Quota } from './quota.ts';

const many = { total: 50_000, ofOne: 30_000 };

test('one user takes three quarters of what the descriptors allow and no more; what is given back can be taken again', () => {
  const limit = new Quota(connectionsWithin(many, 512 + 8));
  assert.deepEqual(
    Array.from({ length: 7 }, () => limit.take(1)),
    [true, true, true, true, true, true, false],
  );
  assert.deepEqual([limit.take(2), limit.take(2), limit.take(2)], [true, true, false]);
  limit.give(1);
  assert.deepEqual([limit.take(1), limit.take(1), limit.take(2)], [true, false, false]);
});

test('a process with few descriptors still serves somebody', () => {
  const limit = new Quota(connectionsWithin(many, 100));
  assert.deepEqual([limit.take(1), limit.take(1)], [true, false]);
});

test('an amount is taken whole or not at all', () => {
  const bytes = new Quota({ total: 10, ofOne: 6 });
  assert.deepEqual([bytes.take('a', 7), bytes.take('a', 6), bytes.take('a', 1)], [false, true, false]);
  assert.deepEqual([bytes.take('b', 5), bytes.take('b', 4), bytes.take('c', 1)], [false, true, false]);
  bytes.give('a', 2);
  assert.deepEqual([bytes.take('c', 2), bytes.take('a', 1)], [true, false]);
});
