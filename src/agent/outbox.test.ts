import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode, LIMITS, silentLog } from '#kernel';
import { Outbox, type ReceiptSink } from './outbox.ts';
import type { StampedReceipt } from './receipt.ts';
import { ReceiptQueue } from './receipt-queue.ts';

const receipt = (id: string, trustDomain = 'bank-a', bytes = 100): StampedReceipt => ({
  id,
  trustDomain,
  json: JSON.stringify(id),
  bytes,
});
const many = (count: number, bytes?: number): StampedReceipt[] =>
  Array.from({ length: count }, (_, index) => receipt(String(index), 'bank-a', bytes));

/** A server that refuses any batch with one of the `bad` in it, and none while it is away. */
class Sink implements ReceiptSink {
  readonly name: string;
  readonly bad = new Set<string>();
  readonly took: string[] = [];
  readonly batches: number[] = [];
  away = false;
  code = 'ARGUMENT_INVALID';

  constructor(name = 'bank-a') {
    this.name = name;
  }

  async report(receiptsJson: readonly string[]): Promise<void> {
    if (this.away) throw new Fault('IDENTITY_UNAVAILABLE', 'away');
    const ids = receiptsJson.map((json) => String(JSON.parse(json)));
    this.batches.push(ids.length);
    if (ids.some((id) => this.bad.has(id))) throw new Fault(this.code, 'refused');
    this.took.push(...ids);
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'deadline passed');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('receipts arrive in order, in batches that the server takes', async () => {
  const sink = new Sink();
  const outbox = new Outbox(sink, silentLog);
  const all = many(LIMITS.receiptBatch.value * 2 + 1);
  outbox.add(all);
  await until(() => outbox.size === 0);
  assert.deepEqual(
    sink.took,
    all.map(({ id }) => id),
  );
  assert.ok(sink.batches.every((size) => size <= LIMITS.receiptBatch.value));
  await outbox.close();
});

test('a batch stays below the size of one message, and one receipt always goes', async () => {
  const sink = new Sink();
  const outbox = new Outbox(sink, silentLog);
  outbox.add(many(200, LIMITS.receiptBytes.value));
  await until(() => outbox.size === 0);
  assert.ok(sink.batches.every((size) => size * LIMITS.receiptBytes.value < LIMITS.grpcMessageBytes.value));
  await outbox.close();
});

test('attack: a receipt that the server refuses takes no other receipt with it', async () => {
  const sink = new Sink();
  const outbox = new Outbox(sink, silentLog);
  for (const id of ['0', '77', '499', '500']) sink.bad.add(id);
  const all = many(600);
  outbox.add(all);
  await until(() => outbox.size === 0);
  assert.deepEqual(
    sink.took,
    all.map(({ id }) => id).filter((id) => !sink.bad.has(id)),
  );
  await outbox.close();
});

test('a receipt that fails for another reason than itself is kept until it is taken', async () => {
  const sink = new Sink();
  const outbox = new Outbox(sink, silentLog);
  sink.away = true;
  outbox.add(many(3));
  await until(() => outbox.size === 3);
  sink.away = false;
  sink.bad.add('1');
  sink.code = 'LIMIT_EXCEEDED';
  await until(() => sink.took.includes('0'));
  assert.equal(outbox.size, 2);
  sink.bad.clear();
  await until(() => outbox.size === 0);
  assert.deepEqual(sink.took, ['0', '1', '2']);
  await outbox.close();
});

test('the last receipt that fits is taken, the next is refused, and all or none of a report', async () => {
  const sink = new Sink();
  sink.away = true;
  const outbox = new Outbox(sink, silentLog);
  const limit = LIMITS.agentReceipts.value;
  outbox.add(many(limit - 1, 1));
  const refused = (receipts: StampedReceipt[]): void =>
    assert.throws(
      () => outbox.add(receipts),
      (error) => faultCode(error) === 'LIMIT_EXCEEDED',
    );
  refused(many(2, 1));
  assert.equal(outbox.size, limit - 1);
  outbox.add(many(1, 1));
  refused(many(1, 1));
  await outbox.close();
});

test('the size of what waits is bounded too', async () => {
  const sink = new Sink();
  sink.away = true;
  const outbox = new Outbox(sink, silentLog);
  const fits = Math.floor(LIMITS.agentReceiptBytes.value / LIMITS.receiptBytes.value);
  outbox.add(many(fits, LIMITS.receiptBytes.value));
  assert.throws(
    () => outbox.add(many(1, LIMITS.receiptBytes.value)),
    (error) => faultCode(error) === 'LIMIT_EXCEEDED',
  );
  await outbox.close();
});

test('attack: callers that no entry matches cannot fill the queue of the enforcement points', async () => {
  const sink = new Sink();
  sink.away = true;
  const queue = new ReceiptQueue([sink], silentLog);
  for (let index = 0; index < LIMITS.agentDenials.value; index++) queue.addDenial(receipt(`d${index}`));
  assert.throws(
    () => queue.addDenial(receipt('one too many')),
    (error) => faultCode(error) === 'LIMIT_EXCEEDED',
  );
  queue.add([receipt('of an enforcement point')]);
  await queue.close();
});

test('a trust domain that is away holds up no other', async () => {
  const [away, there] = [new Sink('bank-a'), new Sink('bank-b')];
  away.away = true;
  const queue = new ReceiptQueue([away, there], silentLog);
  queue.add([receipt('a', 'bank-a'), receipt('b', 'bank-b')]);
  await until(() => there.took.length === 1);
  assert.deepEqual(away.took, []);
  assert.throws(
    () => queue.add([receipt('c', 'bank-b'), receipt('x', 'elsewhere')]),
    (error) => faultCode(error) === 'ARGUMENT_INVALID',
  );
  away.away = false;
  await queue.close();
  assert.deepEqual(there.took, ['b']);
});

test('closing hands over what can be handed over', async () => {
  const sink = new Sink();
  sink.away = true;
  const queue = new ReceiptQueue([sink], silentLog);
  queue.add([receipt('a')]);
  await new Promise((resolve) => setImmediate(resolve));
  sink.away = false;
  await queue.close();
  assert.deepEqual(sink.took, ['a']);
});
