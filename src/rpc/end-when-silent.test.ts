import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { performServerHandshake } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { endWhenSilent } from './end-when-silent.ts';
import { frame, headerBlock, PREFACE, settings, TYPE, uint32 } from './raw-http2.harness.ts';

const WINDOW_BYTES = 64 * 1024;
const ANSWER_BYTES = 32 * WINDOW_BYTES;
const PING_MILLIS = 60;
const GET = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'localhost'],
] as const;

/** A client that answers no ping, in front of a server whose answer is larger than the window: it is sent as windows are given. */
async function withSlowPeer(run: (peer: Socket) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'silent-'));
  const server = createServer((socket) => {
    const session = performServerHandshake(socket);
    session.on('error', () => undefined);
    session.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(ANSWER_BYTES));
    });
    session.once('close', () => socket.destroy());
    endWhenSilent(session, socket, PING_MILLIS);
  });
  try {
    server.listen(join(directory, 's'));
    await once(server, 'listening');
    const peer = connect(join(directory, 's'));
    peer.on('error', () => undefined);
    const get = frame(TYPE.headers, 5, 1, headerBlock(GET));
    peer.write(Buffer.concat([PREFACE, settings([4, 0x7fff_ffff]), get]));
    await run(peer);
    peer.destroy();
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
}

test('a peer that takes its answer slowly is not silent; it is once it has taken all', () =>
  withSlowPeer(async (peer) => {
    const closed = once(peer, 'close');
    peer.resume();
    for (let given = 0; given < ANSWER_BYTES && !peer.destroyed; given += WINDOW_BYTES) {
      peer.write(frame(TYPE.window, 0, 0, uint32(WINDOW_BYTES)));
      await wait(PING_MILLIS / 4);
    }
    assert.equal(peer.destroyed, false);
    await closed;
    assert.ok(peer.bytesRead > ANSWER_BYTES);
  }));

test('a peer that gives no window and answers no ping is ended in the middle of its answer', () =>
  withSlowPeer(async (peer) => {
    peer.resume();
    await once(peer, 'close');
    assert.ok(peer.bytesRead < ANSWER_BYTES);
  }));
