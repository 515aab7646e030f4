// Floods of frames that RFC 9113 §10.5 and the advisories on HTTP/2 servers name, sent raw to a Unix socket: each ends with its connection at most,
// and others are served.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '#kernel';
import { encodeFrame } from '#wire';
import { HealthCheckRequest, HealthDefinition } from '#wire/gen/health';
import { bindService } from './bind-service.ts';
import { createClient } from './create-client.ts';
import {
  data,
  FLAG,
  frame,
  grpcFields,
  headerBlock,
  RawPeer,
  request,
  settings,
  TYPE,
  uint32,
} from './raw-http2.harness.ts';
import { serveUnix } from './serve-unix.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const SMALL = encodeFrame(HealthCheckRequest.encode({ service: 'x' }).finish());
const BLOCK = headerBlock(grpcFields(CHECK));

interface Outcome {
  readonly calls: number;
  readonly closed: boolean;
  readonly goaway: Buffer | undefined;
  readonly peer: RawPeer;
}

/** Floods one connection, sees it end, or answer a last ping, and another client served. */
async function flooded(flood: readonly Buffer[], opening = settings()): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'flood-'));
  const path = join(directory, 's');
  let calls = 0;
  const handlers = {
    check: async () => {
      calls++;
      return { status: 1 as const };
    },
    watch: async function* () {
      calls++;
      yield { status: 1 as const };
    },
  };
  const identify = (credentials: unknown): unknown => credentials;
  const services = [bindService<typeof HealthDefinition, unknown>(HealthDefinition, handlers)];
  const server = await serveUnix({ path, mode: 0o600, log: silentLog, identify, services });
  const peer = new RawPeer(connect({ path }), opening);
  try {
    peer.send(request(1, CHECK), data(1, SMALL, FLAG.end));
    await peer.until(({ type, stream }) => type === TYPE.headers && stream === 1);
    calls = 0;
    for (const bytes of flood) peer.send(bytes);
    peer.send(frame(TYPE.ping, 0, 0, Buffer.from('the last')));
    await peer.until(({ type, payload }) => type === TYPE.ping && payload.equals(Buffer.from('the last')));
    const [goaway, seen] = [peer.seen.find(({ type }) => type === TYPE.goaway)?.payload, calls];
    const client = createClient(HealthDefinition, { socketPath: path });
    assert.deepEqual(await client.check({ service: 'x' }), { status: 1 });
    await client.close();
    return { calls: seen, closed: peer.closed, goaway, peer };
  } finally {
    peer.close();
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

const repeated = (count: number, make: (index: number) => Buffer): readonly Buffer[] => [
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index))),
];
const streamOf = (index: number): number => 3 + 2 * index;

test('attack: rapid reset, ten thousand calls that are reset as they begin, ends the connection', async () => {
  const { closed, calls } = await flooded(
    repeated(10_000, (index) =>
      Buffer.concat([request(streamOf(index), CHECK), frame(TYPE.reset, 0, streamOf(index), uint32(8))]),
    ),
  );
  assert.equal(closed, true);
  assert.ok(calls < 2000);
});

test('attack: made-you-reset, calls whose window is overrun so that the server resets them, ends the connection', async () => {
  const { closed } = await flooded(
    repeated(10_000, (index) =>
      Buffer.concat([request(streamOf(index), CHECK), frame(TYPE.window, 0, streamOf(index), uint32(0))]),
    ),
  );
  assert.equal(closed, true);
});

test('attack: a header block that goes on in CONTINUATION frames without end ends the connection', async () => {
  const { closed, calls } = await flooded([
    frame(TYPE.headers, 0, 3, BLOCK),
    ...repeated(2000, (index) => frame(TYPE.continuation, 0, 3, headerBlock([[`x-${index}`, 'y']]))),
  ]);
  assert.equal(closed, true);
  assert.equal(calls, 0);
});

test('attack: a hundred thousand empty CONTINUATION frames end the connection', async () => {
  const { closed } = await flooded([
    frame(TYPE.headers, 0, 3, BLOCK),
    ...repeated(100_000, () => frame(TYPE.continuation, 0, 3)),
  ]);
  assert.equal(closed, true);
});

test('attack: an HPACK bomb, one long field that is named a thousand times by its index, is refused', async () => {
  const name = headerBlock([['x-bomb', 'y'.repeat(3000)]]);
  const indexed = Buffer.concat([BLOCK, Buffer.from([0x40]), name.subarray(1), Buffer.alloc(2000, 0xbe)]);
  const { calls } = await flooded([frame(TYPE.headers, FLAG.endHeaders | FLAG.end, 3, indexed)]);
  assert.equal(calls, 0);
});

test('attack: more fields, or longer ones, than are read are refused', async () => {
  const many = grpcFields(CHECK, ...Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'y'] as const));
  const long = grpcFields(CHECK, ['x-long', 'y'.repeat(15_000)], ['x-longer', 'y'.repeat(300)], ['x', 'y'.repeat(900)]);
  for (const fields of [many, long]) {
    const block = headerBlock(fields);
    const { calls } = await flooded([
      frame(TYPE.headers, FLAG.endHeaders, 3, block.subarray(0, 16_384)),
      data(3, SMALL, FLAG.end),
    ]);
    assert.equal(calls, 0);
  }
});

test('attack: a hundred thousand SETTINGS, or PINGs, that are not read are not all answered in memory', async () => {
  for (const one of [settings([4, 65_535]), frame(TYPE.ping, 0, 0, Buffer.alloc(8))])
    for (const outcome of [await flooded(repeated(100_000, () => one))])
      assert.ok(outcome.closed || outcome.peer.seen.length > 1000);
});

test('attack: SETTINGS with thousands of entries end the connection', async () => {
  const pairs = Array.from({ length: 2000 }, () => [4, 65_535] as const);
  const { closed } = await flooded([settings(...pairs)]);
  assert.equal(closed, true);
});

test('attack: a window that overflows ends the stream or the connection', async () => {
  const most = uint32(2 ** 31 - 1);
  const connection = await flooded([frame(TYPE.window, 0, 0, most), frame(TYPE.window, 0, 0, most)]);
  assert.equal(connection.closed, true);
  const stream = await flooded([request(3, CHECK), frame(TYPE.window, 0, 3, most), frame(TYPE.window, 0, 3, most)]);
  assert.ok(stream.closed || stream.peer.seen.some(({ type, stream: id }) => type === TYPE.reset && id === 3));
});

test('attack: windows that grow by one, and empty DATA, a hundred thousand times', async () => {
  const grown = await flooded([
    request(3, CHECK),
    ...repeated(100_000, () => frame(TYPE.window, 0, 3, uint32(1))),
    data(3, SMALL, FLAG.end),
  ]);
  assert.ok(grown.closed || grown.calls === 1);
  const empty = await flooded([
    request(3, CHECK),
    ...repeated(100_000, () => frame(TYPE.data, 0, 3)),
    data(3, SMALL, FLAG.end),
  ]);
  assert.ok(empty.closed || empty.calls === 1);
});

test('trailers of a request end it; pseudo fields and what HTTP/1.1 has are refused in them', async () => {
  const withTrailers = (fields: readonly (readonly [string, string])[]) => [
    request(3, CHECK),
    data(3, SMALL),
    frame(TYPE.headers, FLAG.endHeaders | FLAG.end, 3, headerBlock(fields)),
  ];
  const sound = await flooded(withTrailers([['x-after', 'y']]));
  assert.deepEqual([sound.calls, sound.closed], [1, false]);
  for (const fields of [[[':path', '/evil']], [['transfer-encoding', 'chunked']], [['connection', 'close']]] as const) {
    const { closed, peer } = await flooded(withTrailers(fields));
    assert.ok(closed || peer.seen.some(({ type, stream }) => type === TYPE.reset && stream === 3));
  }
});

test('attack: frames out of order, of a size or on a stream that is not theirs end the connection', async () => {
  const wrong: readonly (readonly [string, Buffer])[] = [
    ['DATA on stream 0', frame(TYPE.data, 0, 0, SMALL)],
    ['HEADERS on stream 0', frame(TYPE.headers, FLAG.endHeaders, 0, BLOCK)],
    ['HEADERS on an even stream', frame(TYPE.headers, FLAG.endHeaders, 2, BLOCK)],
    ['a stream that is older', Buffer.concat([request(9, CHECK), request(7, CHECK)])],
    ['CONTINUATION of nothing', frame(TYPE.continuation, FLAG.endHeaders, 3, BLOCK)],
    ['SETTINGS on a stream', frame(TYPE.settings, 0, 3)],
    ['SETTINGS of five bytes', frame(TYPE.settings, 0, 0, Buffer.alloc(5))],
    ['a PING of seven bytes', frame(TYPE.ping, 0, 0, Buffer.alloc(7))],
    ['PUSH_PROMISE of a client', frame(5, FLAG.endHeaders, 3, Buffer.concat([uint32(4), BLOCK]))],
    ['padding longer than its frame', frame(TYPE.data, 8, 3, Buffer.from([200, 1]))],
    ['a frame larger than was allowed', frame(TYPE.data, 0, 3, Buffer.alloc(16_385))],
    ['a frame that says 16 MiB', Buffer.from('ffffff000000000003', 'hex')],
    [
      'an index that is not in the table',
      frame(TYPE.headers, FLAG.endHeaders, 3, Buffer.from([0xff, 0xff, 0xff, 0x0f])),
    ],
  ];
  for (const [name, bytes] of wrong) {
    // What says it is longer than it is waits for the rest; the rest is sent.
    const { closed } = await flooded([bytes, Buffer.alloc(64)]);
    assert.equal(closed, true, name);
  }
});
