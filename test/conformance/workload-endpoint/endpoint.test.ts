import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { startAgent } from '#agent';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { SpiffeWorkloadAPIDefinition, X509SVIDResponse } from '#wire/gen/workloadapi';
import { sharedHouse } from '../house.ts';
import { methodsOf, services } from '../reflection.ts';
import { call, type Header, SECURITY_HEADER } from '../stranger.ts';

const house = sharedHouse();
const METHODS = Object.values(SpiffeWorkloadAPIDefinition.methods).map(({ name }) => name);
const FETCH = '/SpiffeWorkloadAPI/FetchX509SVID';
const codeOf = async (method: string, headers?: readonly Header[]): Promise<number> =>
  (await call(house().socket, method, headers)).code;

/** Runs with a directory for sockets, and removes it. */
async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'endpoint-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('E-1 answers gRPC on a Unix socket to a client that is not ours', async () => {
  const { message } = await call(house().socket, FETCH);
  assert.equal(X509SVIDResponse.decode(message ?? Buffer.alloc(0)).svids[0]?.spiffeId, 'spiffe://bank-a/service');
});

test('E-1 listens on no TCP port, even where the address looks like one', () =>
  inDirectory(async (directory) => {
    const unreachable = { host: '127.0.0.1', port: 1 };
    const { bundleJson } = await house().joinMaterial('bank-a');
    const settings = {
      node: 'n',
      workloadSocket: join(directory, '127.0.0.1:8081'),
      adminSocket: join(directory, 'a.sock'),
      server: unreachable,
      trustDomains: [{ name: 'bank-a', joinToken: 'x', bundle: JSON.parse(bundleJson) }],
    };
    const agent = await startAgent({ ...settings, clock: systemClock, random: systemRandom, log: silentLog });
    assert.ok(existsSync(agent.workloadSocket));
    await agent.close();
  }));

test('E-2 accepts the metadata workload.spiffe.io: true', async () =>
  assert.equal(await codeOf(FETCH, [SECURITY_HEADER]), status.OK));

test('E-2 rejects a request without it, with another value or with two, on all seven methods', async () => {
  const name = SECURITY_HEADER[0];
  const wrong: readonly (readonly Header[])[] = [
    [],
    [[name, 'True']],
    [[name, 'TRUE']],
    [[name, '1']],
    [[name, '']],
    [[name, 'true,true']],
    [
      [name, 'true'],
      [name, 'true'],
    ],
    [
      [name, 'true'],
      [name, 'false'],
    ],
    [['workload-spiffe-io', 'true']],
  ];
  for (const method of METHODS)
    for (const headers of wrong)
      assert.equal(
        await codeOf(`/SpiffeWorkloadAPI/${method}`, headers),
        status.INVALID_ARGUMENT,
        `${method} ${headers}`,
      );
});

test('E-4 answers plain HTTP/2 with prior knowledge', async () => {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(house().socket) });
  const stream = session.request({
    ':method': 'POST',
    ':path': FETCH,
    'content-type': 'application/grpc',
    te: 'trailers',
    'workload.spiffe.io': 'true',
  });
  stream.end(Buffer.alloc(5));
  const [headers] = await new Promise<readonly [Record<string, unknown>]>((resolve, reject) => {
    stream.once('response', (got) => resolve([got]));
    stream.once('close', () => reject(new Error('the connection ended without an answer')));
    for (const one of [stream, session]) one.on('error', () => undefined);
  });
  assert.equal(headers[':status'], 200);
  session.destroy();
});

test('E-4 does not answer TLS on the socket', async () => {
  const socket = connect(house().socket);
  // A ClientHello: no HTTP/2 preface.
  socket.write(Buffer.from('16030100050100000100', 'hex'));
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.resume();
    socket.once('close', () => resolve());
  });
});

test('E-9 asks its caller for no credential: the kernel says who it is', async () => {
  assert.equal(await codeOf(FETCH), status.OK);
  const forged: Header = ['authorization', 'Bearer of another'];
  assert.equal(await codeOf(FETCH, [SECURITY_HEADER, forged]), status.OK);
});

test('E-10 is Unavailable until the agent has attested', () =>
  inDirectory(async (directory) => {
    const { bundleJson } = await house().joinMaterial('bank-a');
    const agent = await startAgent({
      node: 'n',
      workloadSocket: join(directory, 'w.sock'),
      adminSocket: join(directory, 'a.sock'),
      server: { host: '127.0.0.1', port: 1 },
      trustDomains: [{ name: 'bank-a', joinToken: 'x', bundle: JSON.parse(bundleJson) }],
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    assert.equal((await call(agent.workloadSocket, FETCH)).code, status.UNAVAILABLE);
    assert.equal(await codeOf(FETCH), status.OK);
    await agent.close();
  }));

test('E-11 is Unimplemented for methods and services that it has not', async () => {
  for (const method of [
    '/SpiffeWorkloadAPI/NoSuchMethod',
    '/SpiffeWorkloadAPI/fetchX509SVID',
    '/NoSuchService/FetchX509SVID',
    '/hauberk.agent.v1.Supervisor/Status',
  ])
    assert.equal(await codeOf(method), status.UNIMPLEMENTED, method);
  assert.equal(await codeOf(FETCH), status.OK);
});

test('E-12 reflection names the services, of both versions', async () => {
  const names = await services(house());
  for (const name of [
    'SpiffeWorkloadAPI',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'grpc.health.v1.Health',
  ])
    assert.ok(names.includes(name), name);
});

test('E-13 what is more than the standard is a service of its own', async () => {
  assert.deepEqual([...(await methodsOf(house(), 'SpiffeWorkloadAPI'))].sort(), [...METHODS].sort());
  assert.ok((await services(house())).includes('hauberk.workload.v1.EnforcementPoint'));
  assert.ok((await methodsOf(house(), 'hauberk.workload.v1.EnforcementPoint')).length > 0);
});
