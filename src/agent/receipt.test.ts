import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, LIMITS } from '#kernel';
import { stampReceipts } from './receipt.ts';

const VIA = ['spiffe://bank-a/service'];
const sound = {
  id: 'a'.repeat(32),
  txn: 'b'.repeat(32),
  span: 'c'.repeat(16),
  kind: 'service',
  trustDomain: 'bank-a',
  effect: 'allow',
  code: 'ALLOWED',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationUs: 1,
};
const stamp = (value: unknown) =>
  stampReceipts([typeof value === 'string' ? value : JSON.stringify(value)], VIA, ['bank-a']);
const refused = (code: string, run: () => unknown): void => assert.throws(run, (error) => faultCode(error) === code);

test('a reporter is who the agent attested, whatever it says itself', () => {
  const [stamped] = stamp({ ...sound, via: ['spiffe://bank-a/somebody-else'] });
  assert.deepEqual(JSON.parse(stamped?.json ?? ''), { ...sound, via: VIA });
});

for (const [what, change] of [
  ['an id that is not 32 hexadecimal digits', { id: 'A'.repeat(32) }],
  ['a txn of zeros', { txn: '0'.repeat(32) }],
  ['no span', { span: undefined }],
  ['another effect', { effect: 'maybe' }],
  ['a code that is not registered', { code: 'CONSTRUCTOR' }],
  ['a time that is none', { startedAt: 'yesterday' }],
  ['a duration that is no number', { durationUs: '1' }],
  ['a peer that is no text', { peer: { toString: 1 } }],
  ['a trust domain in which the reporter has no identity', { trustDomain: 'bank-b' }],
  ["the registry's kind", { kind: 'registry' }],
  ["the authority's kind", { kind: 'identity' }],
  ["the agent's own kind", { kind: 'workload-api' }],
] as const) {
  test(`refuses a receipt with ${what}`, () => {
    assert.equal(stamp(sound).length, 1);
    refused('ARGUMENT_INVALID', () => stamp({ ...sound, ...change }));
  });
}

test('refuses what is no receipt at all', () => {
  for (const text of ['', '{', 'null', '[]', '"x"', '1']) refused('ARGUMENT_INVALID', () => stamp(text));
});

test('a receipt is measured as it will be sent, with its stamp', () => {
  const pad = (length: number) => ({ ...sound, action: 'x'.repeat(length) });
  const over = Buffer.byteLength(JSON.stringify({ ...pad(0), via: VIA }));
  assert.equal(stamp(pad(LIMITS.receiptBytes.value - over)).length, 1);
  refused('LIMIT_EXCEEDED', () => stamp(pad(LIMITS.receiptBytes.value - over + 1)));
});

test('a report of the limit is taken, one more receipt is refused', () => {
  const batch = (count: number) => Array.from({ length: count }, () => JSON.stringify(sound));
  assert.equal(stampReceipts(batch(LIMITS.receiptBatch.value), VIA, ['bank-a']).length, LIMITS.receiptBatch.value);
  refused('LIMIT_EXCEEDED', () => stampReceipts(batch(LIMITS.receiptBatch.value + 1), VIA, ['bank-a']));
});
