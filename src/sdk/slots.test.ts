import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode } from '#kernel';
import { Slots } from './slots.ts';

test('so many at once; who waits goes in the order of coming; who gives up leaves the order as it was', async () => {
  const slots = new Slots(2, 3);
  const went: string[] = [];
  assert.equal(slots.take(), undefined);
  assert.equal(slots.take(), undefined);
  const abort = new AbortController();
  const first = slots.take()?.then(() => went.push('first'));
  const second = slots.take(abort.signal);
  const third = slots.take()?.then(() => went.push('third'));
  assert.ok(first && second && third);
  assert.throws(() => slots.take(), { code: 'LIMIT_EXCEEDED' });
  abort.abort(new Fault('DEADLINE_EXCEEDED', 'no longer wanted'));
  await assert.rejects(second, (error) => faultCode(error) === 'DEADLINE_EXCEEDED');
  slots.give();
  await first;
  assert.deepEqual(went, ['first']);
  slots.give();
  await third;
  slots.give();
  slots.give();
  assert.equal(slots.take(), undefined);
  assert.throws(() => slots.take(abort.signal), { code: 'DEADLINE_EXCEEDED' });
});
