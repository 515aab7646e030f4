import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, LIMITS } from '#kernel';
import { parseReportedReceipt, type ReceiptKind } from './index.ts';

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
const parse = (receipt: object) => parseReportedReceipt(JSON.stringify(receipt), new Set<ReceiptKind>(['service']));
const nested = (depth: number): object => (depth === 0 ? {} : { within: nested(depth - 1) });

test('attack: a receipt whose members are not of their types would be sent again for ever', () => {
  const whole = { ...sound, parentSpan: 'd'.repeat(16), peer: 'spiffe://bank-a/x', via: ['spiffe://bank-a/y'] };
  assert.deepEqual(parse(whole), whole);
  for (const name of ['user', 'tenant', 'workload', 'peer', 'proof', 'rule', 'action', 'resource', 'parentSpan'])
    for (const value of [5, {}, { toString: 1 }, [], null, true])
      assert.throws(
        () => parse({ ...sound, [name]: value }),
        (error) => faultCode(error) === 'ARGUMENT_INVALID',
        `${name} ${JSON.stringify(value)}`,
      );
  for (const more of [
    { via: 'x' },
    { via: [5] },
    { detail: [] },
    { detail: 'x' },
    { durationUs: {} },
    { kind: 'agent' },
  ])
    assert.throws(
      () => parse({ ...sound, ...more }),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
      JSON.stringify(more),
    );
});

test('attack: details are nested no deeper than JSON may be', () => {
  const depth = LIMITS.jsonDepth.value;
  assert.ok(parse({ ...sound, detail: nested(depth - 1) }));
  assert.throws(
    () => parse({ ...sound, detail: nested(depth) }),
    (error) => faultCode(error) === 'ARGUMENT_INVALID',
  );
});
