import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, systemClock, within } from './clock.ts';

test('a callback is due at its wall time, not one millisecond before', () => {
  const clock = new ManualClock(1000);
  let fired = 0;
  clock.at(2000, () => fired++);
  clock.advance(999);
  assert.equal(fired, 0);
  clock.advance(1);
  assert.equal(fired, 1);
});

test('a cancelled callback never fires', () => {
  const clock = new ManualClock();
  clock.at(clock.now() + 1, () => assert.fail()).cancel();
  clock.advance(10);
});

test('callbacks fire in order of their due times, each at its own time', () => {
  const clock = new ManualClock(0);
  const seen: number[] = [];
  clock.at(20, () => seen.push(clock.now()));
  clock.at(10, () => seen.push(clock.now()));
  clock.advance(30);
  assert.deepEqual(seen, [10, 20]);
});

test('a jump of wall time leaves monotonic time alone', () => {
  const clock = new ManualClock(0);
  clock.jump(3_600_000);
  assert.equal(clock.monotonic(), 0);
  assert.equal(clock.now(), 3_600_000);
});

test('the system clock fires what is already due', async () => {
  await new Promise<void>((resolve) => {
    systemClock.at(systemClock.now() - 1, resolve);
    setTimeout(() => {}, 2000).unref();
    const keep = setInterval(() => {}, 50);
    systemClock.at(systemClock.now(), () => clearInterval(keep));
  });
});

test('the system clock fires the sooner first, though a later one was asked for before and after it', async () => {
  const seen: string[] = [];
  const now = systemClock.now();
  const later = systemClock.at(now + 60_000, () => assert.fail());
  const keep = setInterval(() => {}, 50);
  await new Promise<void>((resolve) => {
    systemClock.at(now + 20, () => {
      seen.push('second');
      resolve();
    });
    systemClock.at(now + 10, () => seen.push('first'));
    systemClock.at(now + 50_000, () => assert.fail()).cancel();
  });
  clearInterval(keep);
  later.cancel();
  assert.deepEqual(seen, ['first', 'second']);
});

test('a retry is due after its monotonic time, also when the wall clock was set back meanwhile', () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  clock.at(clock.now() + 1000, () => seen.push('at'));
  clock.after(1000, () => seen.push('after'));
  clock.after(1000, () => assert.fail()).cancel();
  clock.jump(-300_000);
  clock.advance(999);
  assert.deepEqual(seen, []);
  clock.advance(1);
  assert.deepEqual(seen, ['after']);
  clock.advance(300_000);
  assert.deepEqual(seen, ['after', 'at']);
});

test('what is due within minutes is due once: after a sleep at once, and no later when the wall clock was set back', () => {
  for (const [jump, wait] of [
    [0, 60_000],
    [-32_400_000, 60_000],
    [60_000, 0],
  ] as const) {
    const clock = new ManualClock();
    let fired = 0;
    within(clock, 60_000, () => fired++);
    within(clock, 60_000, () => assert.fail()).cancel();
    clock.jump(jump);
    clock.advance(Math.max(0, wait - 1));
    assert.equal(fired, wait === 0 ? 1 : 0);
    clock.advance(40_000_000);
    assert.equal(fired, 1);
  }
});
