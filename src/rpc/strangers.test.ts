// What peers without a certificate may try at a TLS port, with limits small enough to be reached.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectNet, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { silentLog } from '#kernel';
import { peerChain } from '#wire';
import { HealthDefinition } from '#wire/gen/health';
import { forge } from '../../test/forge/certificate.ts';
import { bindService } from './bind-service.ts';
import { data, PREFACE, RawPeer, request, TYPE, unfinished } from './raw-http2.harness.ts';
import { serveTls, type TlsServer } from './serve-tls.ts';
import type { TlsDoorLimits } from './tls-door.ts';

const WATCH = '/grpc.health.v1.Health/Watch';
const CHECK = '/grpc.health.v1.Health/Check';
const KIB = 1024;
const MESSAGE = Buffer.from([0, 0, 0, 0, 0]);
const PART = unfinished(48 * KIB).subarray(0, 30 * KIB);
const LIMITS: TlsDoorLimits = {
  known: {
    connections: { total: 4, ofOne: 2 },
    heldBytes: { total: 4096 * KIB, ofOne: 1024 * KIB },
    messageMillis: 60_000,
  },
  strangers: {
    connections: { total: 10, ofOne: 4 },
    heldBytes: { total: 512 * KIB, ofOne: 128 * KIB },
    messageMillis: 60_000,
    idleMillis: 60_000,
    connectionMillis: 60_000,
  },
};

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
const { der, key } = forge({ uris: ['spiffe://bank-a/x'], notAfter: Date.now() + 60_000 });
const IDENTITY = { cert: pem('CERTIFICATE', der), key: `${key.export({ type: 'pkcs8', format: 'pem' })}` };

interface Port {
  readonly server: TlsServer;
  /** A TLS connection, of a stranger unless it says who it is. */
  dial(identity?: typeof IDENTITY): Promise<TLSSocket>;
  peer(identity?: typeof IDENTITY): Promise<RawPeer>;
}

async function withPort(
  run: (port: Port) => Promise<void>,
  strangers: Partial<TlsDoorLimits['strangers']> = {},
  host = '127.0.0.1',
): Promise<void> {
  const forever = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener('abort', resolve));
  const service = bindService<typeof HealthDefinition, { readonly known: boolean }>(HealthDefinition, {
    check: async () => ({ status: 1 }),
    watch: async function* (_request, { signal }) {
      yield { status: 1 };
      await forever(signal);
    },
  });
  const server = await serveTls({
    host,
    port: 0,
    log: silentLog,
    identity: () => IDENTITY,
    identify: (socket) => ({ known: peerChain(socket).length > 0 }),
    isKnown: ({ known }) => known,
    services: [service],
    limits: { ...LIMITS, strangers: { ...LIMITS.strangers, ...strangers } },
  });
  const sockets: TLSSocket[] = [];
  const dial: Port['dial'] = async (identity) => {
    const { host, port } = server;
    const socket = connect({ host, port, ALPNProtocols: ['h2'], rejectUnauthorized: false, ...identity });
    sockets.push(socket);
    await once(socket, 'secureConnect');
    return socket;
  };
  try {
    await run({ server, dial, peer: async (identity) => new RawPeer(await dial(identity)) });
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.close();
  }
}

const isAnswer = ({ type }: { readonly type: number }): boolean => type === TYPE.data;

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

test('attack: connections that say nothing, before the handshake or after it, take the places of strangers of their address only', () =>
  withPort(async ({ server, dial, peer }) => {
    // A known peer gives its stranger's place back when it is recognised.
    const known = [await peer(IDENTITY), await peer(IDENTITY)];
    for (const one of known) assert.ok(await one.until(({ type }) => type === TYPE.settings));
    const silent: Socket[] = [];
    for (let count = 0; count < 2; count++) {
      const socket = connectNet(server.port, server.host);
      await once(socket, 'connect');
      silent.push(socket);
    }
    const strangers = [await dial(), await dial()];
    await assert.rejects(dial());
    for (const one of known) {
      one.send(request(1, CHECK), data(1, MESSAGE, 1));
      assert.ok(await one.until(isAnswer));
    }
    for (const socket of [...silent, ...strangers]) socket.destroy();
    await eventually(() =>
      dial().then(
        () => true,
        () => false,
      ),
    );
  }));

test('attack: a port of a peer that comes to two addresses of this machine takes no place for ever', () =>
  withPort(
    async ({ server: { port }, dial }) => {
      const localAddress = '127.0.0.1';
      for (let round = 0; round < LIMITS.strangers.connections.ofOne; round++) {
        const one = connectNet({ host: '127.0.0.1', port, localAddress });
        await once(one, 'connect');
        const other = connectNet({ host: '127.0.0.2', port, localAddress, localPort: one.localPort ?? 0 });
        await once(other, 'connect');
        for (const socket of [one, other]) {
          socket.destroy();
          await once(socket, 'close');
        }
        // Both are gone when as many as may be here at once are here.
        await eventually(() => all(LIMITS.strangers.connections.ofOne, dial));
      }
    },
    {},
    '0.0.0.0',
  ));

/** Whether so many connections are possible at once. */
async function all(count: number, dial: () => Promise<Socket>): Promise<boolean> {
  const dialled = await Promise.allSettled(Array.from({ length: count }, () => dial()));
  for (const one of dialled) if (one.status === 'fulfilled') one.value.destroy();
  return dialled.every(({ status }) => status === 'fulfilled');
}

test('a known address has its number of connections, and one more is closed', () =>
  withPort(async ({ peer }) => {
    await peer(IDENTITY);
    await peer(IDENTITY);
    const third = await peer(IDENTITY);
    await third.ended();
    assert.equal(third.seen.length, 0);
  }));

test('attack: a stranger that makes no call is sent away, at first and after its last call; a known peer stays', () =>
  withPort(
    async ({ dial, peer }) => {
      const known = await peer(IDENTITY);
      const [mute, dripping, caller] = [await peer(), new Dripping(await dial()), await peer()];
      caller.send(request(1, CHECK), data(1, MESSAGE, 1));
      assert.ok(await caller.until(isAnswer));
      await Promise.all([mute.ended(), dripping.ended(), caller.ended()]);
      assert.equal(known.closed, false);
    },
    { idleMillis: 100 },
  ));

test('attack: a stranger that keeps a call open is sent away after a while; the stream of a known peer stays', () =>
  withPort(
    async ({ peer }) => {
      const [known, stranger] = [await peer(IDENTITY), await peer()];
      for (const one of [known, stranger]) one.send(request(1, WATCH), data(1, MESSAGE, 1));
      assert.ok(await known.until(isAnswer));
      await stranger.ended();
      assert.equal(known.closed, false);
      known.send(request(3, CHECK), data(3, MESSAGE, 1));
      assert.ok(await known.until((one) => isAnswer(one) && one.stream === 3));
    },
    { connectionMillis: 200 },
  ));

test('attack: messages of strangers that never end are refused beyond their part; known peers of the same address have theirs', () =>
  withPort(async ({ peer }) => {
    const [known, stranger] = [await peer(IDENTITY), await peer()];
    void uploads(stranger, 20, PART);
    assert.ok(await stranger.until(({ type, flags }) => type === TYPE.headers && (flags & 1) !== 0));
    const other = await peer();
    other.send(request(1, CHECK), data(1, MESSAGE, 1));
    assert.ok(await other.until(isAnswer));
    await uploads(known, 5, PART);
    known.send(request(11, CHECK), data(11, MESSAGE, 1));
    assert.ok(await known.until(isAnswer));
    assert.ok(known.seen.every(({ type, stream }) => type !== TYPE.headers || stream === 11));
  }));

/** Begins a message on each of so many streams. */
async function uploads(peer: RawPeer, streams: number, bytes: Buffer): Promise<void> {
  for (let stream = 1; stream < 2 * streams; stream += 2) {
    peer.send(request(stream, CHECK));
    await peer.upload(stream, bytes);
  }
}

/** Says hello a byte at a time. */
class Dripping {
  readonly #peer: TLSSocket;
  readonly #timer: NodeJS.Timeout;

  constructor(socket: TLSSocket) {
    let at = 0;
    this.#peer = socket.on('error', () => undefined);
    socket.resume();
    this.#timer = setInterval(() => socket.write(PREFACE.subarray(at, ++at)), 10);
  }

  async ended(): Promise<void> {
    if (!this.#peer.destroyed) await once(this.#peer, 'close');
    clearInterval(this.#timer);
  }
}
