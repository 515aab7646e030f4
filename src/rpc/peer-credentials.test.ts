import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { closeDescriptor, hasEnded, socketPair } from './native.ts';
import { isAlive, type PeerCredentials, peerCredentials, releasePidfd } from './peer-credentials.ts';

/** A connection made by a child process: Node's own words, so that the child is the caller. */
async function connectedChild(
  run: (credentials: PeerCredentials, child: ReturnType<typeof spawn>, socket: Socket) => Promise<void>,
  options: Parameters<typeof peerCredentials>[1] = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'peer-'));
  const path = join(directory, 'a.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const script = `require('node:net').connect(${JSON.stringify(path)}).resume()`;
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  try {
    const [socket]: Socket[] = await once(server, 'connection');
    assert.ok(socket !== undefined);
    socket.on('error', () => undefined);
    const credentials = peerCredentials(socket, options);
    await run(credentials, child, socket);
    releasePidfd(credentials);
    socket.destroy();
  } finally {
    child.kill('SIGKILL');
    server.close();
    rmSync(directory, { recursive: true });
  }
}

test('the process that connected is alive until it ends, not one moment longer', () =>
  connectedChild(async (credentials, child) => {
    assert.equal(credentials.pid, child.pid);
    assert.equal(isAlive(credentials), true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isAlive(credentials), false);
  }));

test('a signal to this process in that very moment makes no caller count as ended', () =>
  connectedChild(async (credentials, child) => {
    // A profiler interrupts this thread by a signal, over and over: some of them while it asks.
    const profiler = new Session();
    profiler.connect();
    profiler.post('Profiler.enable');
    profiler.post('Profiler.setSamplingInterval', { interval: 50 });
    profiler.post('Profiler.start');
    let ended = 0;
    for (let turn = 0; turn < 300_000; turn++) if (!isAlive(credentials)) ended++;
    profiler.disconnect();
    assert.equal(ended, 0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isAlive(credentials), false);
  }));

test('attack: a released caller counts as ended, also when its descriptor number is another, living thing by now', () =>
  connectedChild(async (credentials) => {
    const { pidfd } = credentials;
    // Before Linux 6.5 there is none, and no number to take over.
    if (pidfd === undefined) return;
    releasePidfd(credentials);
    // An idle socket is as unreadable as a living process is; new descriptors take the lowest free numbers.
    const taken: number[] = [];
    while (!taken.includes(pidfd) && taken.length < 1000) taken.push(...(socketPair() ?? []));
    assert.ok(taken.includes(pidfd) && !hasEnded(pidfd));
    assert.equal(isAlive(credentials), false);
    releasePidfd(credentials);
    assert.equal(hasEnded(pidfd), false, 'a second release must not close what is not its own');
    for (const fd of taken) closeDescriptor(fd);
  }));

test('without a pidfd the process that connected is alive until it ends, by its start time', () =>
  connectedChild(
    async (credentials, child) => {
      assert.equal(credentials.pidfd, undefined);
      assert.equal(isAlive(credentials), true);
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.equal(isAlive(credentials), false);
    },
    { withPidfd: false },
  ));

test('connections of one process share one pidfd, which is closed with the last of them', () =>
  connectedChild(async (credentials, child, socket) => {
    const { pidfd } = credentials;
    if (pidfd === undefined) return;
    const again = peerCredentials(socket);
    assert.equal(again.pidfd, pidfd);
    releasePidfd(credentials);
    assert.deepEqual([isAlive(credentials), isAlive(again)], [false, true]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isAlive(again), false);
    releasePidfd(again);
  }));

test('without a pidfd the start time tells a process from a later one of its pid', () => {
  const forged: PeerCredentials = { pid: process.pid, uid: 0, gid: 0, pidfd: undefined };
  // Nothing was recorded when it connected: whoever has the pid now cannot be shown to be the same.
  assert.equal(isAlive(forged), false);
});
