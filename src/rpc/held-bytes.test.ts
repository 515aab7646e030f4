// Whatever callers do, all that was held for their calls is given back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectNet, createServer } from 'node:net';
import { test } from 'node:test';
import { Fault, LIMITS, silentLog } from '#kernel';
import { encodeFrame } from '#wire';
import { HealthCheckRequest, HealthDefinition } from '#wire/gen/health';
import { ServerReflectionDefinition } from '#wire/gen/reflection';
import { bindService, methodsOf } from './bind-service.ts';
import { HeldBytes } from './held-bytes.ts';
import { Quota } from './quota.ts';
import { unfinished } from './raw-http2.harness.ts';
import { serveConnection } from './serve-connection.ts';

const KIB = 1024;
const SIZE = { total: 512 * KIB, ofOne: 256 * KIB };
const PEERS = ['a', 'b', 'c'] as const;
const CALLS = 600;

/** True when nothing is taken: all together could have all, and so could each. */
function isFree(quota: Quota): boolean {
  const takers = ['x', 'y'].filter((peer) => quota.take(peer, SIZE.ofOne));
  for (const peer of takers) quota.give(peer, SIZE.ofOne);
  return takers.length === 2 && PEERS.every((peer) => quota.take(peer, SIZE.ofOne) && give(quota, peer));
}

function give(quota: Quota, peer: string): true {
  quota.give(peer, SIZE.ofOne);
  return true;
}

test('property: bytes that connections hold are taken from the quota and given back, to the last one', () => {
  const random = randomOf(7);
  const quota = new Quota(SIZE);
  const connections = PEERS.map((peer) => ({ held: new HeldBytes(quota, peer), open: [] as number[] }));
  for (let step = 0; step < 20_000; step++) {
    const connection = connections[random(3)];
    assert.ok(connection);
    const { held, open } = connection;
    if (random(2) === 0) {
      const bytes = random(2 * LIMITS.connectionFreeBytes.value);
      try {
        held.add(bytes);
        open.push(bytes);
      } catch (error) {
        assert.equal(error instanceof Fault && error.code, 'LIMIT_EXCEEDED');
      }
    } else held.remove(open.splice(random(open.length || 1), 1)[0] ?? 0);
  }
  for (const { held, open } of connections) for (const bytes of open) held.remove(bytes);
  assert.ok(isFree(quota));
});

const SMALL = encodeFrame(HealthCheckRequest.encode({ service: 'x' }).finish());
const LARGE = unfinished(40 * KIB);
const METHODS = [
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/nobody.Serves/This',
];
/** What a caller does next with its call. */
const MOVES: readonly ((stream: ClientHttp2Stream) => void)[] = [
  (stream) => stream.end(SMALL),
  (stream) => stream.write(SMALL),
  (stream) => stream.write(Buffer.concat(Array.from({ length: 400 }, () => SMALL))),
  (stream) => stream.write(LARGE),
  (stream) => stream.write(Buffer.from([1, 0, 0, 0, 0])),
  (stream) => stream.write(Buffer.from([0, 255, 255, 255, 255])),
  (stream) => stream.end(),
  (stream) => stream.pause(),
  (stream) => stream.close(constants.NGHTTP2_CANCEL),
  (stream) => stream.destroy(),
];

test('soak: after random calls (cut off, late, refused, not read, malformed) the accounts of their peers are empty', async () => {
  const random = randomOf(11);
  const quota = new Quota(SIZE);
  const methods = methodsOf(services(random), silentLog);
  let sessions = 0;
  const server = createServer((socket) => {
    const held = new HeldBytes(quota, PEERS[sessions++ % PEERS.length] ?? '');
    const session = serveConnection(socket, methods, {}, { held, messageMillis: 20 });
    socket.on('error', () => undefined);
    socket.once('close', () => session.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const dial = (): ClientHttp2Session =>
    connectHttp2('http://localhost', { createConnection: () => connectNet(port, '127.0.0.1') }).on('error', () => {});
  const clients = Array.from({ length: 6 }, dial);
  for (let call = 0; call < CALLS; call++) {
    const at = random(clients.length);
    if (random(40) === 0) clients[at]?.destroy();
    if (clients[at]?.destroyed !== false) clients[at] = dial();
    begin(clients[at], random);
    if (call % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(!isFree(quota), 'the callers held something');
  for (const client of clients) client.destroy();
  while (!isFree(quota)) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => server.close(resolve));
});

function begin(client: ClientHttp2Session, random: (below: number) => number): void {
  const late = random(4) === 0 ? { 'grpc-timeout': '5m' } : {};
  const path = METHODS[random(METHODS.length)];
  const stream = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', ...late });
  stream.on('error', () => undefined);
  if (random(2) === 0) stream.resume();
  for (let moves = 1 + random(4); moves > 0 && !stream.destroyed && !stream.writableEnded; moves--)
    MOVES[random(MOVES.length)]?.(stream);
}

function services(random: (below: number) => number) {
  const soon = () => new Promise((resolve) => setTimeout(resolve, random(10)));
  const health = bindService<typeof HealthDefinition, object>(HealthDefinition, {
    check: async () => {
      if (random(2) === 0) await soon();
      if (random(4) === 0) throw new Fault('NOT_FOUND', 'not here');
      return { status: 1 };
    },
    watch: async function* (_request, { signal }) {
      while (!signal.aborted) {
        yield { status: 1 };
        if (random(8) === 0) await soon();
      }
    },
  });
  const reflection = bindService<typeof ServerReflectionDefinition, object>(ServerReflectionDefinition, {
    serverReflectionInfo: async function* (requests) {
      for await (const originalRequest of requests) {
        await soon();
        yield { validHost: 'x'.repeat(random(8 * KIB)), originalRequest };
      }
    },
  });
  return [health, reflection];
}

/** The same numbers on every run (Park and Miller). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
}
