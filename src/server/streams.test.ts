import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#kernel';
import type { AgentRecord } from '#registry';
import { Streams } from './streams.ts';

const agent = (id: string, trustDomain = 'bank-a'): AgentRecord => ({
  id,
  trustDomain,
  attestationType: 'join_token',
  selectors: [],
  canReattest: false,
  banned: false,
  serial: '1',
  expiresAt: 0,
});

test('the newest revision that an agent acknowledged is kept, with its time, until its stream closes', () => {
  const clock = new ManualClock();
  const streams = new Streams(clock);
  const first = streams.open(agent('a'), () => undefined);
  streams.open(agent('b', 'bank-b'), () => undefined);
  clock.advance(5);
  first.acknowledge(7n);
  first.acknowledge(3n);
  assert.deepEqual(
    streams.of('bank-a').map(({ agent: { id }, acknowledged, at }) => [id, acknowledged, at === clock.now()]),
    [['a', 7n, true]],
  );
  first.close();
  first.acknowledge(9n);
  assert.deepEqual(streams.of('bank-a'), []);
});

test('attack: an agent that opens many streams has one: the newest', () => {
  const streams = new Streams(new ManualClock());
  const told: number[] = [];
  const open = Array.from({ length: 100 }, (_, index) => streams.open(agent('a'), () => told.push(index)));
  assert.equal(streams.of('bank-a').length, 1);
  assert.deepEqual(
    told,
    Array.from({ length: 99 }, (_, index) => index),
  );
  assert.deepEqual(
    open.map(({ isOver }) => isOver),
    Array.from({ length: 100 }, (_, index) => index < 99),
  );
  open[0]?.acknowledge(7n);
  open[0]?.close();
  assert.deepEqual(
    streams.of('bank-a').map(({ acknowledged }) => acknowledged),
    [0n],
  );
  open[99]?.close();
  assert.deepEqual(streams.of('bank-a'), []);
});

test('agents are sent to a few a turn, each once however often it was stirred, and none whose stream has closed', async () => {
  const streams = new Streams(new ManualClock());
  const sent: number[] = [];
  const open = Array.from({ length: 100 }, (_, index) => streams.open(agent(`${index}`), () => sent.push(index)));
  for (const stream of [...open, ...open]) stream.stir();
  open[99]?.close();
  assert.deepEqual(sent, []);
  await new Promise((resolve) => setImmediate(resolve));
  const first = sent.length;
  assert.ok(first > 0 && first < 50, `${first}`);
  while (sent.length < 99) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    sent,
    Array.from({ length: 99 }, (_, index) => index),
  );
  open[0]?.stir();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(sent.slice(99), [0]);
});
