import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Receipt } from '#chain';
import { Fault, faultCode, LIMITS } from '#kernel';
import { ReceiptReporter } from './receipt-reporter.ts';

const receipt = (id: string, extra: Partial<Receipt> = {}): Receipt => ({
  id,
  txn: 'a',
  span: 'b',
  kind: 'guard',
  trustDomain: 'bank-a',
  effect: 'allow',
  code: 'ALLOWED',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationUs: 1,
  ...extra,
});
const idsOf = (receiptsJson: string[]): string[] => receiptsJson.map((json) => JSON.parse(json).id);

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'deadline passed');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a receipt that is never taken holds up no other', async () => {
  const taken: string[] = [];
  const reporter = new ReceiptReporter(async (batch) => {
    if (idsOf(batch).includes('bad')) throw new Fault('ARGUMENT_INVALID', 'malformed');
    taken.push(...idsOf(batch));
  });
  for (const id of ['1', '2', 'bad', '3', '4']) reporter.add(receipt(id));
  await until(() => taken.length === 4);
  assert.deepEqual(taken, ['1', '2', '3', '4']);
  await reporter.close();
});

test('while the agent is away receipts wait, and come in order when it is back', async () => {
  let away = true;
  const taken: string[] = [];
  const reporter = new ReceiptReporter(async (batch) => {
    if (away) throw new Fault('UPSTREAM_UNAVAILABLE', 'away');
    taken.push(...idsOf(batch));
  });
  for (const id of ['1', '2']) reporter.add(receipt(id));
  await reporter.close();
  const second = new ReceiptReporter(async (batch) => {
    if (away) throw new Fault('UPSTREAM_UNAVAILABLE', 'away');
    taken.push(...idsOf(batch));
  });
  for (const id of ['3', '4']) second.add(receipt(id));
  away = false;
  await until(() => taken.length === 2);
  assert.deepEqual(taken, ['3', '4']);
  await second.close();
});

test('a caller cannot make a receipt that is too large to be taken', async () => {
  const taken: string[] = [];
  const reporter = new ReceiptReporter(async (batch) => taken.push(...batch));
  const long = 'é'.repeat(30_000);
  reporter.add(receipt('1', { resource: long, action: long, rule: long, detail: { long } }));
  await until(() => taken.length === 1);
  assert.ok(Buffer.byteLength(taken[0] ?? '') < LIMITS.receiptBytes.value / 2);
  assert.equal(JSON.parse(taken[0] ?? '{}').id, '1');
  await reporter.close();
});

test('a batch stays far below the limit of one message', async () => {
  const sizes: number[] = [];
  let count = 0;
  const reporter = new ReceiptReporter(async (batch) => {
    sizes.push(batch.join('').length);
    count += batch.length;
  });
  for (let index = 0; index < 400; index++) reporter.add(receipt(`${index}`, { detail: { pad: 'x'.repeat(11_000) } }));
  await until(() => count === 400);
  assert.ok(Math.max(...sizes) < LIMITS.grpcMessageBytes.value / 2);
  await reporter.close();
});

test('when too many wait there is no room for what would need one more', () => {
  const reporter = new ReceiptReporter(() => new Promise(() => {}));
  for (let index = 0; index < LIMITS.receiptsWaiting.value; index++) reporter.reserve();
  assert.throws(
    () => reporter.reserve(),
    (error) => faultCode(error) === 'LIMIT_EXCEEDED',
  );
  assert.throws(
    () => reporter.add(receipt('1')),
    (error) => faultCode(error) === 'LIMIT_EXCEEDED',
  );
});
