import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lifecycle } from './lifecycle.ts';

test('closes in reverse order of opening, once', async () => {
  const order: number[] = [];
  const life = new Lifecycle();
  life.defer(() => void order.push(1));
  life.defer(() => void order.push(2));
  await Promise.all([life.close(), life.close()]);
  assert.deepEqual(order, [2, 1]);
});

test('a closer that fails does not keep the others open', async () => {
  const order: number[] = [];
  const life = new Lifecycle();
  life.defer(() => void order.push(1));
  life.defer(() => {
    throw new RangeError('second');
  });
  await assert.rejects(life.close(), RangeError);
  assert.deepEqual(order, [1]);
});
