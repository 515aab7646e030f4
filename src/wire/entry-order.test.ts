import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareEntries, type EntryResource } from './index.ts';

const entry = (id: string, extra: Partial<EntryResource> = {}): EntryResource => ({
  id,
  spiffeId: `spiffe://bank-a/${id}`,
  parentId: 'spiffe://bank-a/node/local',
  selectors: ['unix:uid:1'],
  ...extra,
});

test('identities come by priority, the highest first, then by id, in whatever order they were made', () => {
  const sorted = [
    entry('d', { priority: 5, createdAt: 9 }),
    entry('z', { priority: 1 }),
    entry('a', { createdAt: 3 }),
    entry('b', { createdAt: 2 }),
    entry('c'),
    entry('f', { priority: -1 }),
  ];
  assert.deepEqual([...sorted].reverse().sort(compareEntries), sorted);
  assert.equal(compareEntries(entry('a'), entry('a')), 0);
});
