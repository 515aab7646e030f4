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
  const first = streams.open(agent('a'));
  streams.open(agent('b', 'bank-b'));
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
