import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.ts';
import { watchClock } from './clock-watch.ts';

test('a clock that was set is told of within a second, by how much, once', () => {
  const clock = new ManualClock();
  const moved: number[] = [];
  const watch = watchClock(clock, (byMillis) => moved.push(byMillis));
  clock.advance(60_000);
  assert.deepEqual(moved, []);
  clock.jump(-300_000);
  clock.advance(1000);
  clock.jump(9 * 3_600_000);
  clock.advance(5000);
  assert.deepEqual(moved, [-300_000, 9 * 3_600_000]);
  watch.cancel();
  clock.jump(3_600_000);
  clock.advance(5000);
  assert.equal(moved.length, 2);
});

test('a clock that is slewed by a little is not told of', () => {
  const clock = new ManualClock();
  watchClock(clock, () => assert.fail());
  for (let turn = 0; turn < 10; turn++) {
    clock.jump(2000);
    clock.advance(1000);
  }
});
