import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionLimit } from './connection-limit.ts';

test('one user takes three quarters of what the descriptors allow and no more; what is given back can be taken again', () => {
  const limit = new ConnectionLimit(512 + 8);
  assert.deepEqual(
    Array.from({ length: 7 }, () => limit.enter(1)),
    [true, true, true, true, true, true, false],
  );
  assert.deepEqual([limit.enter(2), limit.enter(2), limit.enter(2)], [true, true, false]);
  limit.leave(1);
  assert.deepEqual([limit.enter(1), limit.enter(1), limit.enter(2)], [true, false, false]);
});

test('a process with few descriptors still serves somebody', () => {
  const limit = new ConnectionLimit(100);
  assert.deepEqual([limit.enter(1), limit.enter(1)], [true, false]);
});
