import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JWTSVIDRequest } from './gen/workloadapi.ts';
import { encodeFrame } from './grpc-frames.ts';
import { frameOf, shared } from './shared-message.ts';

test('a shared message has one frame, any other a frame each time it is asked for', () => {
  const message = { audience: ['one'], spiffeId: '' };
  const expected = encodeFrame(JWTSVIDRequest.encode(message).finish());
  const [first, again] = [frameOf(JWTSVIDRequest, message), frameOf(JWTSVIDRequest, message)];
  assert.deepEqual([first, again], [expected, expected]);
  assert.notEqual(first, again);
  const frame = frameOf(JWTSVIDRequest, shared(message));
  assert.deepEqual(frame, expected);
  assert.equal(frameOf(JWTSVIDRequest, shared(message)), frame);
});
