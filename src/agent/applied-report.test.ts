import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#kernel';
import type { AppliedBy } from '#wire/gen/hauberk_sync';
import { AppliedReport, appliedIn } from './applied-report.ts';

const point = (caller: readonly string[], followed: Readonly<Record<string, bigint>>) => ({
  caller,
  applied: new Map<string, bigint>(),
  followed: new Map(Object.entries(followed)),
});
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('points of one identity are told together, with what all of them have applied; others of the trust domain only', () => {
  const points = [
    point(['spiffe://a/x', 'spiffe://a/y'], { a: 7n, b: 1n }),
    point(['spiffe://a/x'], { a: 5n }),
    point(['spiffe://a/edge'], { a: 0n }),
    point(['spiffe://b/z'], { b: 2n }),
    point([], { a: 9n }),
  ];
  assert.deepEqual(appliedIn('a', points), [
    { spiffeId: 'spiffe://a/edge', points: 1, revision: 0n },
    { spiffeId: 'spiffe://a/x', points: 2, revision: 5n },
  ]);
});

test('changes of a moment are one message; what has not changed is not told again, but on a new stream', async () => {
  const clock = new ManualClock();
  const sent: (readonly AppliedBy[])[] = [];
  let isAway = false;
  const send = async (applied: readonly AppliedBy[]): Promise<void> => {
    if (isAway) throw new Error('away');
    sent.push(applied);
  };
  const report = new AppliedReport({ clock, send });
  let revision = 0n;
  const ask = () => [{ spiffeId: 'spiffe://a/x', points: 1, revision }];
  const after = async (millis: number): Promise<number> => {
    clock.advance(millis);
    await turn();
    return sent.length;
  };
  for (revision = 1n; revision < 1000n; revision++) report.changed(ask);
  assert.equal(await after(99), 0);
  assert.equal(await after(1), 1);
  assert.equal(sent[0]?.[0]?.revision, 1000n);
  report.changed(ask);
  assert.equal(await after(1000), 1);
  report.again();
  assert.equal(await after(100), 2);
  isAway = true;
  revision = 1001n;
  report.changed(ask);
  await after(100);
  isAway = false;
  report.again();
  assert.equal(await after(100), 3);
  assert.equal(sent[2]?.[0]?.revision, 1001n);
  report.stop();
  revision = 1002n;
  report.changed(ask);
  assert.equal(await after(1000), 3);
});

test('a node without enforcement points tells nothing', async () => {
  const clock = new ManualClock();
  const report = new AppliedReport({ clock, send: () => assert.fail('told') });
  report.changed(() => []);
  report.again();
  clock.advance(1000);
  await turn();
});
