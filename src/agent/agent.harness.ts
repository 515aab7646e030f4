import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Clock, Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { type RunningServer, startServer } from '#server';
import { dialUnix } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { type AgentOptions, startAgent } from './index.ts';

export const UID = userInfo().uid;
const NODE = 'spiffe://bank-a/node/local';
export const entry = (name: string, selector = `unix:uid:${UID}`) => ({
  apiVersion: 'hauberk.dev/v1',
  kind: 'Entry',
  metadata: { name, trustDomain: 'bank-a' },
  spec: {
    spiffeId: `spiffe://bank-a/${name}`,
    parentId: NODE,
    selectors: [selector],
    federatesWith: ['platform.example'],
  },
});
const documents = [
  { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'platform.example' }, spec: {} },
  {
    apiVersion: 'hauberk.dev/v1',
    kind: 'TrustDomain',
    metadata: { name: 'bank-a' },
    spec: { federatesWith: ['platform.example'], namespaces: ['bank-a'] },
  },
  entry('service'),
  entry('nobody', 'unix:uid:4000000000'),
];

export interface House {
  readonly server: RunningServer;
  /** Closes the server and starts it again, on the same port, and on the same data where no other is named. */
  restart(dataDir?: string): Promise<void>;
  readonly dataDir: string;
  /** Deletes the entry of bank-a whose id is `spiffe://bank-a/<name>`. */
  removeEntry(name: string): Promise<void>;
  /** A fresh join token and the bundle of a trust domain. */
  joinMaterial(trustDomain: string): Promise<{ token: string; bundleJson: string }>;
  readonly adminSocket: string;
  readonly socket: string;
  readonly admin: ReturnType<typeof connectAdmin>;
  readonly supervisor: ReturnType<typeof connectSupervisor>;
  workload<D extends Parameters<typeof createClient>[0]>(
    definition: D,
    metadata?: Record<string, string>,
  ): ReturnType<typeof createClient<D>>;
}

const connectAdmin = (socketPath: string) => createClient(AdminDefinition, { socketPath });
const connectSupervisor = (socketPath: string) => createClient(SupervisorDefinition, { socketPath });

/** A real server and a real agent, with two trust domains and one workload: this process. */
export async function withHouse(
  run: (house: House) => Promise<void>,
  agentClock: Clock = systemClock,
  settings: Partial<AgentOptions> = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-'));
  const life = new Lifecycle();
  const common = { clock: systemClock, random: systemRandom, log: silentLog };
  try {
    const options = { dataDir: join(directory, 'data'), adminSocket: join(directory, 's.sock'), ...common };
    let server = await startServer({ ...options, sync: { host: '127.0.0.1', port: 0 } });
    life.defer(() => server.close());
    const { sync } = server;
    const restart = async (dataDir = options.dataDir): Promise<void> => {
      await server.close();
      server = await startServer({ ...options, dataDir, sync });
    };
    const admin = life.own(connectAdmin(server.adminSocket));
    await admin.apply({ documentsJson: documents.map((one) => JSON.stringify(one)), dryRun: false });
    const joinMaterial = async (trustDomain: string): Promise<{ token: string; bundleJson: string }> => {
      const spiffeId = `spiffe://${trustDomain}/node/local`;
      const { token } = await admin.createJoinToken({ trustDomain, ttlSeconds: 60, spiffeId });
      return { token, ...(await admin.getBundle({ trustDomain })) };
    };
    const trustDomains = [];
    for (const name of ['bank-a', 'platform.example']) {
      const { token, bundleJson } = await joinMaterial(name);
      trustDomains.push({ name, joinToken: token, bundle: JSON.parse(bundleJson) });
    }
    const sockets = { workloadSocket: join(directory, 'w.sock'), adminSocket: join(directory, 'a.sock') };
    life.own(
      await startAgent({
        node: 'local',
        ...sockets,
        server: sync,
        trustDomains,
        ...common,
        clock: agentClock,
        ...settings,
      }),
    );
    const supervisor = life.own(connectSupervisor(sockets.adminSocket));
    await until(async () => (await supervisor.status({})).healthy);
    const workload: House['workload'] = (definition, metadata = { 'workload.spiffe.io': 'true' }) =>
      life.own(createClient(definition, { dial: () => dialUnix(sockets.workloadSocket), metadata }));
    const { workloadSocket: socket, adminSocket } = sockets;
    const removeEntry = async (name: string): Promise<void> => {
      const { documentsJson } = await admin.list({ kind: 'Entry', trustDomain: 'bank-a' });
      const found = documentsJson
        .map((json) => JSON.parse(json))
        .find(({ spiffeId }) => spiffeId === `spiffe://bank-a/${name}`);
      await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key: found.id });
    };
    const { dataDir } = options;
    await run({
      dataDir,
      removeEntry,
      server,
      admin,
      supervisor,
      socket,
      adminSocket,
      workload,
      restart,
      joinMaterial,
    });
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'deadline passed');
    // Lets sockets and timers of this process have their turn, also when the condition waits for nothing.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function first<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message;
  throw new assert.AssertionError({ message: 'the stream ended without a message' });
}

export async function* never(): AsyncGenerator<never> {
  await new Promise(() => {});
}
