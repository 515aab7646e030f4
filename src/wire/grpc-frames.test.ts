import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault, faultCode, LIMITS } from '#kernel';
import { encodeFrame, FrameDecoder } from './grpc-frames.ts';

test('however messages are cut into pieces, they are the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 10 }),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(encodeFrame));
        const decoder = new FrameDecoder();
        const read: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = (cuts[turn % cuts.length] ?? 0) + (turn % 2);
          read.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(
          read,
          messages.map((message) => Buffer.from(message)),
        );
      },
    ),
  );
});

test('attack: a length beyond the limit, and a compressed message, are refused by their header', () => {
  const head = (flag: number, length: number): Buffer => {
    const bytes = Buffer.alloc(5);
    bytes[0] = flag;
    bytes.writeUInt32BE(length, 1);
    return bytes;
  };
  const limit = LIMITS.grpcMessageBytes.value;
  assert.deepEqual(new FrameDecoder().push(head(0, limit)), []);
  const refusal = (bytes: Buffer): string | undefined => {
    try {
      new FrameDecoder().push(bytes);
    } catch (error) {
      return faultCode(error);
    }
    return undefined;
  };
  assert.equal(refusal(head(0, limit + 1)), 'LIMIT_EXCEEDED');
  assert.equal(refusal(head(0, 0xff_ff_ff_ff)), 'LIMIT_EXCEEDED');
  assert.equal(refusal(head(1, 1)), 'ARGUMENT_INVALID');
});

test('attack: one large message in a hundred thousand pieces is copied as it doubles, not for each piece', () => {
  const decoder = new FrameDecoder();
  const frame = encodeFrame(Buffer.alloc(LIMITS.grpcMessageBytes.value));
  let messages: Buffer[] = [];
  // Copied anew for each piece it would be 200 GB: the test would run into its deadline.
  for (let at = 0; at < frame.length; at += 40) messages = decoder.push(frame.subarray(at, at + 40));
  assert.equal(messages[0]?.length, LIMITS.grpcMessageBytes.value);
});

test('bytes of a message that is not whole are told before they are kept, and taken back when it is', () => {
  const held: number[] = [];
  const decoder = new FrameDecoder(1000, (bytes) => held.push(bytes));
  const total = (): number => held.reduce((sum, bytes) => sum + bytes, 0);
  const frame = encodeFrame(Buffer.alloc(900));
  decoder.push(frame.subarray(0, 100));
  assert.equal(total(), 100);
  decoder.push(frame.subarray(100, 600));
  assert.ok(total() >= 600 && total() <= 1005);
  assert.equal(decoder.push(frame.subarray(600)).length, 1);
  assert.equal(total(), 0);
  decoder.push(frame.subarray(0, 50));
  decoder.clear();
  assert.equal(total(), 0);
  const full = new FrameDecoder(1000, (bytes) => {
    if (bytes > 0) throw new Fault('LIMIT_EXCEEDED', 'full');
  });
  assert.throws(() => full.push(frame.subarray(0, 10)));
});
