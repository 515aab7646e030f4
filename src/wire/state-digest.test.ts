import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateDigest } from './state-digest.ts';

const one = { kind: 'Entry', key: 'a', json: '{}' };
const other = { kind: 'Service', key: 'b', json: '{"c":1}' };

test('the digest of a state is of what it holds, in whatever order; whatever is different makes it another', () => {
  const digest = stateDigest([one, other]);
  assert.equal(digest.length, 32);
  assert.deepEqual(stateDigest([other, one]), digest);
  const others = [
    [],
    [one],
    [one, other, other],
    [one, { ...other, json: '{"c":2}' }],
    [{ ...one, key: 'b' }, other],
    [{ ...one, kind: 'Entry"' }, other],
    // What is moved from the key into the text, or from one resource to the next, is another state.
    [{ ...one, key: 'a","{}', json: '' }, other],
  ];
  for (const state of others) assert.notDeepEqual(stateDigest(state), digest);
});
