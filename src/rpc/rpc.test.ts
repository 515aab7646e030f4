import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault, faultCode, LIMITS, type Log, silentLog } from '#kernel';
import { dialUnix } from '#wire';
import { type StatusRequest, SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { AgentSyncDefinition, type SyncRequest } from '#wire/gen/hauberk_sync';
import { bindService, createClient, type PeerCredentials, serveUnix } from './index.ts';

const refuse = async (): Promise<never> => {
  throw new Fault('AGENT_NOT_ATTESTED', 'not attested', { details: { id: 'abc', seen: ['unix:uid:0'] } });
};

const supervisor = bindService(SupervisorDefinition, {
  register: async (_request, { caller }: { caller: PeerCredentials }) => ({ sessionId: caller.pid }),
  deregister: refuse,
  status: async (_request: StatusRequest) => {
    throw new TypeError('a secret is in here');
  },
  provideJoinToken: async () => ({}),
  explain: async ({ pid }) => ({ selectors: ['x'.repeat(Math.max(pid, 100_000))], matching: [], nearest: [] }),
});

const sync = bindService<typeof AgentSyncDefinition, PeerCredentials>(AgentSyncDefinition, {
  attest: refuse,
  renew: refuse,
  issueX509Svids: refuse,
  issueJwtSvids: refuse,
  issueWitSvids: refuse,
  attestNode: async function* () {},
  registerMinter: refuse,
  reportReceipts: async (request) => ({ accepted: request.receiptsJson.length }),
  reportApplied: async () => ({}),
  sync: async function* (requests) {
    for await (const request of requests) {
      if (request.revision === 13n) throw new Fault('NOT_FOUND', 'unlucky');
      yield {
        update: {
          trustDomain: request.trustDomain,
          revision: request.revision,
          full: false,
          upserts: [],
          removals: [],
          more: false,
        },
        pulse: undefined,
      };
    }
  },
});

async function withServer(run: (path: string) => Promise<void>, log: Log = silentLog): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rpc-'));
  const path = join(directory, 'a.sock');
  const server = await serveUnix({
    path,
    mode: 0o770,
    log,
    identify: (credentials) => credentials,
    services: [supervisor, sync],
  });
  try {
    await run(path);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

test('the kernel names the caller of a Unix socket', () =>
  withServer(async (path) => {
    const client = createClient(SupervisorDefinition, { socketPath: path });
    assert.equal((await client.register({ pid: 1, service: 'x' })).sessionId, process.pid);
    assert.equal((await client.explain({ pid: 1 })).selectors[0]?.length, 100_000);
    assert.equal(statSync(path).mode & 0o777, 0o770);
    await client.close();
  }));

test('a fault reaches the client with code, id and details', () =>
  withServer(async (path) => {
    const client = createClient(SupervisorDefinition, { socketPath: path });
    await assert.rejects(client.deregister({ pid: 1 }), (error) => {
      assert.ok(error instanceof Fault);
      assert.equal(error.code, 'AGENT_NOT_ATTESTED');
      assert.equal(error.details.id, 'abc');
      assert.deepEqual(error.details.seen, ['unix:uid:0']);
      return true;
    });
    await client.close();
  }));

test('an unexpected error reaches the client as internal, without its words', () =>
  withServer(async (path) => {
    const client = createClient(SupervisorDefinition, { socketPath: path });
    await assert.rejects(
      client.status({}),
      (error) => faultCode(error) === 'INTERNAL_ERROR' && !`${error}`.includes('secret'),
    );
    await client.close();
  }));

test('streams go both ways and end with the fault of the server', () =>
  withServer(async (path) => {
    const client = createClient(AgentSyncDefinition, { socketPath: path });
    const requests = async function* (): AsyncGenerator<SyncRequest> {
      for (const revision of [1n, 2n, 13n])
        yield { trustDomain: 'bank-a', protocolVersion: 1, revision, digest: Buffer.alloc(0), takesParts: false };
    };
    const seen: bigint[] = [];
    await assert.rejects(
      async () => {
        for await (const response of client.sync(requests())) seen.push(response.update?.revision ?? 0n);
      },
      (error) => faultCode(error) === 'NOT_FOUND',
    );
    assert.deepEqual(seen, [1n, 2n]);
    await client.close();
  }));

test('an answer that most clients will not read is logged, at the first and at every doubling; who reads more gets it', async () => {
  const warned: unknown[] = [];
  const log: Log = { ...silentLog, warn: (_message, fields) => void warned.push(fields?.count) };
  await withServer(async (socketPath) => {
    const answerBytes = 8 * 1024 * 1024;
    const [common, patient] = [
      createClient(SupervisorDefinition, { socketPath }),
      createClient(SupervisorDefinition, { dial: () => dialUnix(socketPath), answerBytes }),
    ];
    const pid = LIMITS.grpcMessageBytes.value;
    await assert.rejects(common.explain({ pid }), (error) => faultCode(error) === 'LIMIT_EXCEEDED');
    for (let count = 2; count <= 5; count++)
      assert.equal((await patient.explain({ pid })).selectors[0]?.length, LIMITS.grpcMessageBytes.value);
    await common.explain({ pid: 1 });
    assert.deepEqual(warned, [1, 2, 4]);
    await common.close();
    await patient.close();
  }, log);
});

test('a stream of large requests waits for its reader again and again, and leaves no listener behind', () =>
  withServer(async (socketPath) => {
    const warnings: string[] = [];
    const note = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', note);
    const client = createClient(AgentSyncDefinition, { socketPath });
    const digest = Buffer.alloc(64 * 1024);
    const requests = async function* (): AsyncGenerator<SyncRequest> {
      for (let revision = 100n; revision < 140n; revision++)
        yield { trustDomain: 'bank-a', protocolVersion: 1, revision, digest, takesParts: false };
    };
    let count = 0;
    for await (const _ of client.sync(requests())) count++;
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    await client.close();
    assert.deepEqual([count, warnings], [40, []]);
  }));

test('a handler is let go when the connection of its caller is gone, without a word', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rpc-'));
  const path = join(directory, 'a.sock');
  const ended = Promise.withResolvers<void>();
  const endless = bindService<typeof AgentSyncDefinition, PeerCredentials>(AgentSyncDefinition, {
    attest: refuse,
    renew: refuse,
    issueX509Svids: refuse,
    issueJwtSvids: refuse,
    issueWitSvids: refuse,
    attestNode: async function* () {},
    registerMinter: refuse,
    reportReceipts: refuse,
    reportApplied: refuse,
    sync: async function* (_requests, { signal }) {
      yield { update: undefined, pulse: undefined };
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      ended.resolve();
    },
  });
  const identify = (credentials: PeerCredentials): PeerCredentials => credentials;
  const server = await serveUnix({ path, mode: 0o770, log: silentLog, identify, services: [endless] });
  const socket = await dialUnix(path);
  const client = createClient(AgentSyncDefinition, { dial: async () => socket });
  const silent = async function* (): AsyncGenerator<SyncRequest> {
    await new Promise(() => {});
  };
  await assert.rejects(
    async () => {
      for await (const _ of client.sync(silent())) socket.destroy();
    },
    (error) => faultCode(error) === 'UPSTREAM_UNAVAILABLE',
  );
  await ended.promise;
  await client.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

/** A call on a connection that is just being lost fails; the next one dials anew. */
async function eventually<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 10; ; left--) {
    try {
      return await call();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

test('call after call on one connection: none is reset, so that the server never takes its client for an attacker', () =>
  withServer(async (path) => {
    const client = createClient(SupervisorDefinition, { socketPath: path });
    for (let n = 0; n < 1500; n++) await client.register({ pid: 1, service: 'x' });
    await client.close();
  }));

test('a client goes on after its server was restarted', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rpc-'));
  const path = join(directory, 'a.sock');
  const options = {
    path,
    mode: 0o770,
    log: silentLog,
    identify: (credentials: PeerCredentials) => credentials,
    services: [supervisor],
  };
  const client = createClient(SupervisorDefinition, { socketPath: path });
  await assert.rejects(
    client.register({ pid: 1, service: 'x' }),
    (error) => faultCode(error) === 'UPSTREAM_UNAVAILABLE',
  );
  for (let round = 0; round < 2; round++) {
    const server = await serveUnix(options);
    assert.equal(
      await eventually(async () => (await client.register({ pid: 1, service: 'x' })).sessionId),
      process.pid,
    );
    await server.close();
  }
  await client.close();
  rmSync(directory, { recursive: true });
});

/** A socket file whose listener was killed. */
function leaveStaleSocket(path: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  assert.ok(statSync(path).isSocket());
}

test('a stale socket is replaced; a live one, a file that is no socket and a too long path are refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rpc-'));
  const path = join(directory, 'a.sock');
  const options = {
    path,
    mode: 0o770,
    log: silentLog,
    identify: (credentials: PeerCredentials) => credentials,
    services: [supervisor],
  };
  writeFileSync(path, 'precious');
  await assert.rejects(serveUnix(options), (error) => faultCode(error) === 'SOCKET_OCCUPIED');
  assert.equal(readFileSync(path, 'utf8'), 'precious');
  rmSync(path);
  leaveStaleSocket(path);
  const server = await serveUnix(options);
  await assert.rejects(serveUnix(options), (error) => faultCode(error) === 'SOCKET_OCCUPIED');
  await server.close();
  const long = join(directory, `${'x'.repeat(108 - directory.length)}`);
  await assert.rejects(serveUnix({ ...options, path: long }), (error) => faultCode(error) === 'SOCKET_PATH_TOO_LONG');
  rmSync(directory, { recursive: true });
});

test('a caller that the kernel does not know is refused', async () => {
  const { peerCredentials } = await import('./peer-credentials.ts');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { Socket } = await import('node:net');
  assert.throws(
    () => peerCredentials(new Socket()),
    (error) => faultCode(error) === 'IDENTITY_CALLER_UNKNOWN',
  );
  server.close();
});
