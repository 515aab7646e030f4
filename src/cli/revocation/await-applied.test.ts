import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appliedLines } from './await-applied.ts';

const points = (spiffeId: string, revision: bigint, count = 1) => ({ spiffeId, points: count, revision });

test('a revision is applied when every agent and every enforcement point behind it says so', () => {
  const connected = [
    { id: 'agent-1', acknowledged: 7n, points: [points('edge', 7n), points('service', 8n, 3)] },
    { id: 'agent-2', acknowledged: 9n, points: [] },
  ];
  assert.deepEqual(appliedLines(connected, 7n), {
    lines: ['applied by 4 of 4 enforcement points behind 2 of 2 agents'],
    isWhole: true,
  });
});

test('who has not applied it is named: points of which one is late, and an agent that has not heard', () => {
  const connected = [
    { id: 'agent-1', acknowledged: 8n, points: [points('edge', 8n), points('service', 7n, 3), points('gate', 0n)] },
    { id: 'agent-2', acknowledged: 7n, points: [] },
  ];
  assert.deepEqual(appliedLines(connected, 8n), {
    lines: [
      'applied by 1 of 5 enforcement points behind 1 of 2 agents',
      '  not yet by service behind agent-1',
      '  not yet by gate behind agent-1',
      '  not yet by agent-2',
    ],
    isWhole: false,
  });
});

test('with nobody connected there is nobody to wait for', () =>
  assert.deepEqual(appliedLines([], 1n).lines, ['applied by 0 of 0 enforcement points behind 0 of 0 agents']));
