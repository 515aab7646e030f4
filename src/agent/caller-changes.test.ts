import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { UID, withHouse } from './agent.harness.ts';
import { isSameUser } from './process-of.ts';

const NOBODY = 65_534;

/** Connects, becomes another user where it is told to, and only then asks; prints what `grpc-status` says. */
const CALLER = `
  const [socketPath, uid] = process.argv.slice(1);
  const socket = require('node:net').connect(socketPath, () => {
    if (uid !== undefined) process.setuid(Number(uid));
    const session = require('node:http2').connect('http://localhost', { createConnection: () => socket });
    const stream = session.request({
      ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
      'content-type': 'application/grpc', te: 'trailers', 'workload.spiffe.io': 'true',
    });
    const end = (said) => { console.log(said); process.exit(0); };
    stream.on('response', (headers) => headers['grpc-status'] !== undefined && end(headers['grpc-message']));
    stream.on('trailers', (headers) => end(headers['grpc-message']));
    stream.on('data', () => end('given'));
    stream.end(Buffer.alloc(5));
  });`;

const ask = async (socketPath: string, ...uid: string[]): Promise<string> => {
  const options = { timeout: 20_000 };
  return (await promisify(execFile)(process.execPath, ['-e', CALLER, socketPath, ...uid], options)).stdout.trim();
};

test('attack: a process that dropped its privileges keeps none of their identities', (context) => {
  if (UID !== 0) return context.skip('only root can become another user');
  return withHouse(async ({ socket }) => {
    assert.equal(await ask(socket), 'given');
    assert.match(await ask(socket, `${NOBODY}`), /IDENTITY_CALLER_UNKNOWN/);
  });
});

test('attack: who runs a set-user-ID program is not the user that connected', () => {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const { pid } = process;
  assert.ok(isSameUser({ pid, uid, gid }));
  assert.ok(!isSameUser({ pid, uid: uid + 1, gid }));
  assert.ok(!isSameUser({ pid, uid, gid: gid + 1 }));
  // Gone: whoever asks whether it lives says so.
  assert.ok(isSameUser({ pid: 2 ** 22 + 1, uid, gid }));
});
