import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallEnd } from './call-end.ts';

test('the signal of a call is aborted when it ends, also one that is asked for afterwards; the first end counts', () => {
  const asked = new CallEnd();
  const { signal } = asked;
  assert.deepEqual([asked.ended, signal.aborted], [false, false]);
  asked.end();
  asked.end();
  assert.deepEqual([asked.ended, signal.aborted, asked.signal], [true, true, signal]);
  const late = new CallEnd();
  late.end();
  assert.equal(late.signal.aborted, true);
  assert.equal(late.signal.reason, signal.reason);
});
