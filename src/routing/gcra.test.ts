import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#kernel';
import { Gcra } from './gcra.ts';

test('a burst passes, the next waits, and one more passes an interval later', () => {
  const clock = new ManualClock();
  const limit = new Gcra({ clock, perSecond: 1, burst: 3, keys: 10 });
  for (let sent = 0; sent < 3; sent++) assert.equal(limit.findWaitSeconds('a'), undefined);
  assert.equal(limit.findWaitSeconds('a'), 1);
  assert.equal(limit.findWaitSeconds('b'), undefined);
  clock.advance(999);
  assert.equal(limit.findWaitSeconds('a'), 1);
  clock.advance(1);
  assert.equal(limit.findWaitSeconds('a'), undefined);
});

test('a new key is refused while all remembered keys are in use', () => {
  const clock = new ManualClock();
  const limit = new Gcra({ clock, perSecond: 1, burst: 2, keys: 1 });
  assert.equal(limit.findWaitSeconds('a'), undefined);
  assert.equal(limit.findWaitSeconds('b'), 1);
  clock.advance(1000);
  assert.equal(limit.findWaitSeconds('b'), undefined);
});
