import assert from 'node:assert/strict';
import test from 'node:test';
import { isOlderSequence, isSequenceText, readSequence, writeSequence } from './sequence.ts';

const HIGHEST = 2n ** 64n - 1n;

test('B-2: a sequence keeps all its 64 bits, as a number up to 2^53 - 1 and as digits beyond', () => {
  for (const sequence of [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, HIGHEST]) {
    const text = writeSequence(sequence);
    assert.equal(typeof text, sequence < 2n ** 53n ? 'number' : 'string');
    assert.ok(isSequenceText(text));
    assert.equal(readSequence(JSON.parse(JSON.stringify(text))), sequence);
  }
});

test('B-2: neighbours that share a double are still told apart, in both directions', () => {
  const [older, newer] = [writeSequence(2n ** 53n), writeSequence(2n ** 53n + 1n)];
  assert.equal(Number(older), Number(newer));
  assert.deepEqual([isOlderSequence(older, newer), isOlderSequence(newer, older)], [true, false]);
  assert.equal(isOlderSequence(newer, newer), false);
  assert.equal(isOlderSequence(5, newer), true);
  assert.equal(isOlderSequence(newer, 5), false);
});

test('a double that an older version stored does not make the same sequence stale, and still refuses an older one', () => {
  const stored = Number(2n ** 63n + 1_000n);
  assert.equal(isOlderSequence(writeSequence(2n ** 63n + 1_000n), stored), false);
  assert.equal(isOlderSequence(writeSequence(2n ** 62n), stored), true);
  assert.equal(readSequence(Number(HIGHEST)), HIGHEST);
});

test('what is no sequence is refused: signs, leading zeros, hexadecimal, more than 64 bits', () => {
  for (const text of [
    '',
    '1',
    '-9007199254740993',
    '09007199254740993',
    '0xffffffffffffffff',
    `${HIGHEST + 1n}`,
    -1,
    null,
  ])
    assert.equal(isSequenceText(text), false);
});
