import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#kernel';
import type { Pulse } from '#wire/gen/hauberk_sync';
import { Heartbeat } from './heartbeat.ts';

function listening() {
  const clock = new ManualClock();
  const ended: number[] = [];
  const heartbeat = new Heartbeat(clock, () => ended.push(clock.monotonic()));
  const pulse = (more: Partial<Pulse> = {}): Pulse => ({
    canIssue: true,
    code: '',
    message: '',
    now: BigInt(clock.now()),
    ...more,
  });
  return { clock, ended, heartbeat, pulse };
}

test('a stream that had a pulse and is silent for eight seconds is ended, not a moment before', () => {
  const { clock, ended, heartbeat, pulse } = listening();
  heartbeat.hear(pulse());
  clock.advance(5000);
  heartbeat.hear(pulse());
  clock.advance(7999);
  assert.deepEqual(ended, []);
  clock.advance(1);
  assert.deepEqual(ended, [13_000]);
});

test('whatever comes is a sign of life', () => {
  const { clock, ended, heartbeat, pulse } = listening();
  heartbeat.hear(pulse());
  clock.advance(7000);
  heartbeat.hear(undefined);
  clock.advance(7000);
  assert.deepEqual(ended, []);
});

test('the stream of an older server, which has no pulse, may be silent for ever', () => {
  const { clock, ended, heartbeat } = listening();
  heartbeat.hear(undefined);
  clock.advance(3_600_000);
  assert.deepEqual(ended, []);
});

test('a stream that has been left is not ended again', () => {
  const { clock, ended, heartbeat, pulse } = listening();
  heartbeat.hear(pulse());
  heartbeat.stop();
  clock.advance(3_600_000);
  assert.deepEqual(ended, []);
});

test('a wall clock that jumps ends no stream', () => {
  for (const jump of [-300_000, 9 * 3_600_000]) {
    const { clock, ended, heartbeat, pulse } = listening();
    heartbeat.hear(pulse());
    clock.jump(jump);
    clock.advance(7999);
    assert.deepEqual(ended, []);
  }
});

test('a server that cannot issue says why, and that it can again', () => {
  const { heartbeat, pulse } = listening();
  assert.equal(heartbeat.hear(pulse()), false);
  const full = pulse({ canIssue: false, code: 'DISK_FULL', message: 'the disk of the store is full' });
  assert.equal(heartbeat.hear(full), true);
  assert.equal(heartbeat.trouble?.code, 'DISK_FULL');
  assert.equal(heartbeat.hear(full), false, 'told once');
  assert.equal(heartbeat.hear(pulse()), true);
  assert.equal(heartbeat.trouble, undefined);
});

test('a code that a newer server knows and this agent does not is no reason to trust it less', () => {
  const { heartbeat, pulse } = listening();
  heartbeat.hear(pulse({ canIssue: false, code: 'NEVER_HEARD_OF' }));
  assert.equal(heartbeat.trouble?.code, 'IDENTITY_UNAVAILABLE');
});

test('clocks a minute apart are near enough; further apart, what is issued does not hold here', () => {
  const { clock, heartbeat, pulse } = listening();
  for (const ahead of [60_000, -60_000]) {
    heartbeat.hear(pulse({ now: BigInt(clock.now() + ahead) }));
    assert.equal(heartbeat.trouble, undefined);
    assert.equal(heartbeat.skewMillis, ahead);
  }
  for (const ahead of [60_001, -60_001, 300_000, -9 * 3_600_000]) {
    heartbeat.hear(pulse({ now: BigInt(clock.now() + ahead) }));
    assert.equal(heartbeat.trouble?.code, 'CLOCK_SKEWED');
  }
});
