import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fixAuthority } from './hpack-authority.ts';
import { EMPTY_SETTINGS, Http2Opening } from './http2-opening.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const ACK = frame(4, 1, Buffer.alloc(0));
/** What grpc-java 1.80 sends for a socket at /tmp/w.sock: method and scheme indexed, then `:authority` as a literal. */
const block = Buffer.concat([
  Buffer.from('8386', 'hex'),
  literal(0x41, '/tmp/w.sock'),
  literal(0x44, '/Service/Method'),
]);
const fixed = Buffer.concat([
  Buffer.from('8386', 'hex'),
  literal(0x41, '-tmp-w.sock'),
  literal(0x44, '/Service/Method'),
]);

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head[8] = type === 1 ? 1 : 0;
  return Buffer.concat([head, payload]);
}

function literal(first: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([first, value.length]), Buffer.from(value)]);
}

test('a client that waits for SETTINGS gets them, and their acknowledgement never reaches the HTTP/2 server', () => {
  const opening = new Http2Opening();
  const hello = Buffer.concat([PREFACE, frame(4, 0, Buffer.alloc(0))]);
  assert.equal(opening.push(hello.subarray(0, 10)), 'more');
  assert.equal(opening.push(hello.subarray(10)), 'settings');
  assert.equal(opening.push(ACK), 'more');
  assert.equal(opening.push(frame(1, 4, block)), 'ready');
  assert.deepEqual(opening.bytes, Buffer.concat([hello, frame(1, 4, fixed)]));
  assert.deepEqual(EMPTY_SETTINGS, frame(4, 0, Buffer.alloc(0)));
});

test('a request before the acknowledgement waits for it', () => {
  const opening = new Http2Opening();
  assert.equal(opening.push(PREFACE), 'settings');
  assert.equal(opening.push(frame(1, 4, block)), 'more');
  assert.equal(opening.push(ACK), 'ready');
  assert.deepEqual(opening.bytes, Buffer.concat([PREFACE, frame(1, 4, fixed)]));
});

test('a request in the first flight needs no SETTINGS, and any cut of the bytes gives the same', () => {
  const flight = Buffer.concat([PREFACE, frame(4, 0, Buffer.alloc(0)), frame(1, 4, block)]);
  const whole = new Http2Opening();
  assert.equal(whole.push(flight), 'ready');
  for (let cut = 1; cut < flight.length; cut++) {
    const opening = new Http2Opening();
    const early = cut < PREFACE.length;
    assert.equal(opening.push(flight.subarray(0, cut)), early ? 'more' : 'settings');
    assert.equal(opening.push(flight.subarray(cut)), early ? 'ready' : 'more');
    if (!early) assert.equal(opening.push(ACK), 'ready');
    assert.deepEqual(opening.bytes, whole.bytes);
  }
});

test('what is no HTTP/2, too long, or another frame than a request is left to the HTTP/2 server at once', () => {
  assert.equal(new Http2Opening().push(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'ready');
  assert.equal(new Http2Opening().push(Buffer.concat([PREFACE, frame(6, 0, Buffer.alloc(8))])), 'ready');
  const opening = new Http2Opening();
  assert.equal(opening.push(Buffer.concat([PREFACE, Buffer.from('ffffff010400000001', 'hex')])), 'settings');
  assert.equal(opening.push(Buffer.alloc(140_000)), 'ready');
});

test('a client that sends a full window before it acknowledges is waited for', () => {
  const opening = new Http2Opening();
  const data = Array.from({ length: 4 }, () => frame(0, 0, Buffer.alloc(16_383)));
  assert.equal(opening.push(PREFACE), 'settings');
  assert.equal(opening.push(Buffer.concat([frame(1, 4, block), ...data])), 'more');
  assert.equal(opening.push(ACK), 'ready');
  assert.deepEqual(opening.bytes, Buffer.concat([PREFACE, frame(1, 4, fixed), ...data]));
  const endless = new Http2Opening();
  assert.equal(endless.push(PREFACE), 'settings');
  assert.equal(endless.push(Buffer.concat([...data, ...data.slice(1)])), 'more');
  assert.equal(endless.push(Buffer.concat(data)), 'ready');
});

test('attack: an opening that comes byte by byte is copied as it doubles, not for each byte', () => {
  const opening = new Http2Opening();
  assert.equal(opening.push(PREFACE), 'settings');
  const bytes = Buffer.concat([frame(1, 4, block), frame(0, 0, Buffer.alloc(100_000))]);
  // Copied anew for each byte it would be 5 GB a connection.
  for (let at = 0; at < bytes.length; at++) assert.equal(opening.push(bytes.subarray(at, at + 1)), 'more');
  assert.equal(opening.push(ACK), 'ready');
});

test('the authority between padding and priority is found; other fields, and Huffman, stay as they are', () => {
  const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 16]), block, Buffer.alloc(3)]);
  const opening = new Http2Opening();
  assert.equal(opening.push(Buffer.concat([PREFACE, frame(1, 0x4 | 0x8 | 0x20, padded)])), 'ready');
  assert.ok(opening.bytes.includes('-tmp-w.sock'));
  const others = Buffer.concat([literal(0x44, '/a/b'), Buffer.from([0x41, 0x80 | 3, 0x2f, 0x2f, 0x2f])]);
  const kept = Buffer.from(others);
  fixAuthority(kept);
  assert.deepEqual(kept, others);
  for (const [first, name] of [
    [0x01, ''],
    [0x11, ''],
  ] as const) {
    const bytes = Buffer.concat([Buffer.from(name), literal(first, 'a/b')]);
    fixAuthority(bytes);
    assert.deepEqual(bytes, literal(first, 'a-b'));
  }
});

test('no bytes break the reading of a header block, and its length stays', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const given = Buffer.from(bytes);
      fixAuthority(given);
      assert.equal(given.length, bytes.length);
    }),
  );
});
