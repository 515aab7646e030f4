import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '#rpc';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface House {
  readonly socket: string;
  /** Of the agent. */
  readonly pid: number;
  readonly server: { readonly pid: number; readonly sync: Address; readonly spire: Address };
  stop(): Promise<void>;
}

const NODE = 'local';
const TRUST_DOMAIN = 'bank-a';
const documents = (spireApi: Address) => [
  { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: TRUST_DOMAIN }, spec: { spireApi } },
  {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Entry',
    metadata: { name: 'service', trustDomain: TRUST_DOMAIN },
    spec: {
      spiffeId: `spiffe://${TRUST_DOMAIN}/service`,
      parentId: `spiffe://${TRUST_DOMAIN}/node/${NODE}`,
      selectors: [`unix:uid:${process.getuid?.() ?? 0}`],
    },
  },
];

/** A server and an agent as they run in production, each a process of its own and with its data on disk; this process's user is the one workload. */
export async function startHouse(): Promise<House> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  const adminSocket = join(directory, 'server.sock');
  const spire = await freePort();
  const server = await start<{ sync: Address }>(directory, 'server', {
    dataDir: join(directory, 'server'),
    adminSocket,
    sync: { host: '127.0.0.1', port: 0 },
  });
  const admin = createClient(AdminDefinition, { socketPath: adminSocket });
  await admin.apply({ documentsJson: documents(spire).map((one) => JSON.stringify(one)), dryRun: false });
  const spiffeId = `spiffe://${TRUST_DOMAIN}/node/${NODE}`;
  const { token } = await admin.createJoinToken({ trustDomain: TRUST_DOMAIN, ttlSeconds: 60, spiffeId });
  const { bundleJson } = await admin.getBundle({ trustDomain: TRUST_DOMAIN });
  await admin.close();
  const sockets = { workloadSocket: join(directory, 'w.sock'), adminSocket: join(directory, 'admin', 'a.sock') };
  const agent = await start(directory, 'agent', {
    node: NODE,
    ...sockets,
    dataDir: join(directory, 'agent'),
    server: server.ready.sync,
    trustDomains: [{ name: TRUST_DOMAIN, joinToken: token, bundle: JSON.parse(bundleJson) }],
  });
  await untilHealthy(sockets.adminSocket);
  return {
    socket: sockets.workloadSocket,
    pid: agent.pid,
    server: { pid: server.pid, sync: server.ready.sync, spire },
    stop: async () => {
      await agent.stop();
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

async function freePort(): Promise<Address> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port }: AddressInfo = Object(probe.address());
  await new Promise((resolve) => probe.close(resolve));
  return { host: '127.0.0.1', port };
}

async function start<Ready>(directory: string, name: 'server' | 'agent', settings: unknown) {
  const config = join(directory, `${name}.json`);
  writeFileSync(config, JSON.stringify(settings), { mode: 0o600 });
  const main = join(import.meta.dirname, `../../src/${name}/main.ts`);
  const child = spawn(process.execPath, [main, '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const ready: Ready = JSON.parse(String(line));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { ready, pid: child.pid ?? 0, stop };
}

async function untilHealthy(socketPath: string): Promise<void> {
  const supervisor = createClient(SupervisorDefinition, { socketPath });
  while (!(await supervisor.status({})).healthy) await new Promise((resolve) => setTimeout(resolve, 5));
  await supervisor.close();
}
