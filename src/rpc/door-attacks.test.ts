// What a local process may try at a Unix socket, with raw HTTP/2 and limits small enough to be reached.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, silentLog } from '#kernel';
import { encodeFrame } from '#wire';
import { HealthCheckRequest, HealthDefinition } from '#wire/gen/health';
import { ServerReflectionDefinition } from '#wire/gen/reflection';
import { bindService } from './bind-service.ts';
import { createClient } from './create-client.ts';
import type { DoorLimits } from './door-limits.ts';
import { Http2Opening } from './http2-opening.ts';
import { data, FLAG, PREFACE, RawPeer, request, settings, TYPE, uint32, unfinished } from './raw-http2.harness.ts';
import { serveUnix } from './serve-unix.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const KIB = 1024;
const LIMITS: DoorLimits = {
  connections: { total: 100, ofOne: 100 },
  heldBytes: { total: 1024 * KIB, ofOne: 512 * KIB },
  messageMillis: 60_000,
};
const MESSAGE_LIMIT = 256 * KIB;
const SMALL = encodeFrame(HealthCheckRequest.encode({ service: 'x' }).finish());

interface Door {
  readonly path: string;
  peer(opening?: Buffer, acknowledges?: boolean): RawPeer;
  /** A small call on a connection of its own; the code of its refusal. */
  honest(): Promise<string | undefined>;
  /** The code of the refusal of these bytes, whose request may stay open. */
  status(path: string, bytes: Buffer, end?: boolean): Promise<unknown>;
}

async function withDoor(run: (door: Door) => Promise<void>, limits: Partial<DoorLimits> = {}): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'door-'));
  const path = join(directory, 's');
  const never = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener('abort', resolve));
  const services = [
    bindService<typeof HealthDefinition, unknown>(
      HealthDefinition,
      {
        check: async () => ({ status: 1 }),
        // Answers that come one after the other for as long as they are read.
        watch: async function* () {
          for (;;) yield { status: 1 };
        },
      },
      undefined,
      { limits: { requestBytes: MESSAGE_LIMIT } },
    ),
    bindService<typeof ServerReflectionDefinition, unknown>(ServerReflectionDefinition, {
      // Takes one message and never another.
      serverReflectionInfo: async function* (requests, { signal }) {
        for await (const _ of requests) await never(signal);
        yield { validHost: '', originalRequest: undefined };
      },
    }),
  ];
  const identify = (credentials: unknown): unknown => credentials;
  const options = { path, mode: 0o600, log: silentLog, identify, services, limits: { ...LIMITS, ...limits } };
  const server = await serveUnix(options);
  const peers: RawPeer[] = [];
  const door: Door = {
    path,
    peer: (opening, acknowledges) => {
      const peer = new RawPeer(connect({ path }), opening, acknowledges);
      peers.push(peer);
      return peer;
    },
    status: (method, bytes, end = true) => statusOf(path, method, bytes, end),
    honest: async () => {
      const client = createClient(HealthDefinition, { socketPath: path });
      try {
        await client.check({ service: 'x' });
        return undefined;
      } catch (error) {
        return faultCode(error);
      } finally {
        await client.close();
      }
    },
  };
  try {
    await run(door);
  } finally {
    for (const peer of peers) peer.close();
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

function statusOf(path: string, method: string, bytes: Buffer, end: boolean): Promise<unknown> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect({ path }) });
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': method, 'content-type': 'application/grpc' });
    stream.on('response', (headers) => headers['hauberk-code'] && resolve(headers['hauberk-code']));
    stream.on('trailers', (trailers) => resolve(trailers['hauberk-code']));
    stream.on('error', reject);
    stream.resume();
    if (end) stream.end(bytes);
    else stream.write(bytes);
  }).finally(() => session.destroy());
}

/** What a closed connection held is free when the server has heard of it. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

const isRefusal = ({ type, flags }: { type: number; flags: number }): boolean =>
  type === TYPE.headers && (flags & FLAG.end) !== 0;
const PART = unfinished(48 * KIB).subarray(0, 30 * KIB);

test('attack: messages that never end, on many streams and connections of one user, are refused beyond its part; small calls are served', () =>
  withDoor(async ({ peer, honest, status }) => {
    const peers = [peer(), peer()];
    for (const one of peers) {
      one.send(request(1, CHECK), data(1, SMALL, FLAG.end));
      await one.until(({ type }) => type === TYPE.data);
    }
    for (const one of peers)
      for (let stream = 3; stream < 40; stream += 2) {
        one.send(request(stream, CHECK));
        await one.upload(stream, PART);
      }
    for (const one of peers) assert.ok((await one.until((seen) => isRefusal(seen) && seen.stream > 1)) !== undefined);
    assert.equal(await honest(), undefined);
    for (const one of peers) one.close();
    // What they held is free again: a message of nearly all of it is taken.
    await eventually(async () => (await status(CHECK, encodeFrame(Buffer.alloc(200 * KIB)))) === undefined);
  }));

test('a message as large as its method takes is read, and a larger one is refused by its length', () =>
  withDoor(async ({ status }) => {
    const ofLength = (length: number): Buffer => Buffer.concat([Buffer.from([0]), uint32(length)]);
    assert.equal(await status(CHECK, encodeFrame(Buffer.alloc(MESSAGE_LIMIT))), undefined);
    assert.equal(await status(CHECK, ofLength(MESSAGE_LIMIT + 1), false), 'LIMIT_EXCEEDED');
  }));

test('attack: a message that comes byte by byte ends its call in time, and a call without a message too', () =>
  withDoor(
    async ({ status, honest }) => {
      assert.equal(await status(CHECK, SMALL.subarray(0, -1), false), 'DEADLINE_EXCEEDED');
      assert.equal(await status(CHECK, Buffer.alloc(0), false), 'DEADLINE_EXCEEDED');
      assert.equal(await status(REFLECT, SMALL.subarray(0, 3), false), 'DEADLINE_EXCEEDED');
      assert.equal(await honest(), undefined);
    },
    { messageMillis: 50 },
  ));

test('attack: answers that nobody reads hold the part of their user, and no more', () =>
  withDoor(async ({ peer, honest }) => {
    // A window of nothing: each answer stays in the server.
    const deaf = settings([4, 0]);
    const peers = Array.from({ length: 6 }, () => peer(deaf));
    for (const one of peers) {
      one.send(request(1, CHECK), data(1, SMALL, FLAG.end));
      await one.until(({ type }) => type === TYPE.headers);
    }
    for (const one of peers)
      for (let stream = 3; stream < 200; stream += 2) one.send(request(stream, WATCH), data(stream, SMALL, FLAG.end));
    for (const one of peers) assert.ok((await one.until(isRefusal)) !== undefined);
    assert.equal(await honest(), undefined);
  }));

test('attack: messages that no handler takes are held up to the part of their user', () =>
  withDoor(async ({ peer, honest }) => {
    const one = peer();
    const many = Buffer.concat(Array.from({ length: 40 }, () => encodeFrame(Buffer.alloc(1000))));
    for (let stream = 1; stream < 40; stream += 2) {
      one.send(request(stream, REFLECT));
      await one.upload(stream, Buffer.concat([SMALL, many]));
    }
    assert.ok((await one.until(isRefusal)) !== undefined);
    assert.equal(await honest(), undefined);
  }));

test('attack: thousands of empty messages in one frame count for more than their bytes', () =>
  withDoor(
    async ({ status }) => {
      assert.equal(await status(REFLECT, Buffer.alloc(5 * 3000), false), 'LIMIT_EXCEEDED');
    },
    { heldBytes: { total: 1024 * KIB, ofOne: 256 * KIB } },
  ));

test('attack: a request that is answered and never ends does not keep its stream', () =>
  withDoor(async ({ peer }) => {
    const one = peer();
    one.send(request(1, CHECK), data(1, SMALL), request(3, '/no/such'));
    for (const stream of [1, 3])
      assert.ok((await one.until((seen) => seen.type === TYPE.reset && seen.stream === stream)) !== undefined);
    assert.equal(one.closed, false);
  }));

test('attack: an opening that begins a request and never ends it is closed, one that says hello may wait', async () => {
  // Ten seconds by the clock of the machine: what is looked at is what the opening says.
  const opening = new Http2Opening();
  assert.equal(opening.push(PREFACE), 'settings');
  assert.equal(opening.isIdle, true);
  opening.push(settings().subarray(0, 3));
  assert.equal(opening.isIdle, false);
  opening.push(settings().subarray(3));
  assert.equal(opening.isIdle, true);
  opening.push(request(1, CHECK));
  assert.equal(opening.isIdle, false);
});

test('attack: openings with a full window that is never acknowledged are held in the name of their user', () =>
  withDoor(async ({ peer, honest }) => {
    const flight = Buffer.concat([request(1, CHECK), data(1, Buffer.alloc(60 * KIB))]);
    const silent = Array.from({ length: 12 }, () => peer(settings(), false));
    for (const one of silent) await one.until(({ type }) => type === TYPE.settings);
    for (const one of silent) one.send(flight);
    await Promise.race(silent.map((one) => one.ended()));
    assert.equal(await honest(), undefined);
    assert.ok(silent.some(({ closed }) => !closed));
  }));
