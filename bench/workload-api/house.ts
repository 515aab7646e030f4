import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentProcess, freePort, ServerProcess, TRUST_DOMAIN } from '../processes.ts';

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

const NODE = `spiffe://${TRUST_DOMAIN}/node/local`;
const documents = (spireApi: Address) => [
  { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: TRUST_DOMAIN }, spec: { spireApi } },
  {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Entry',
    metadata: { name: 'service', trustDomain: TRUST_DOMAIN },
    spec: {
      spiffeId: `spiffe://${TRUST_DOMAIN}/service`,
      parentId: NODE,
      selectors: [`unix:uid:${process.getuid?.() ?? 0}`],
    },
  },
];

/** A server and an agent as they run in production, each a process of its own and with its data on disk; this process's user is the one workload. */
export async function startHouse(): Promise<House> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  const server = await ServerProcess.start(directory);
  const spire = { host: '127.0.0.1', port: await freePort() };
  await server.apply(...documents(spire));
  const own = join(directory, 'agent');
  mkdirSync(own);
  const agent = await AgentProcess.start(own, server, NODE);
  return {
    socket: agent.socket,
    pid: agent.pid,
    server: { pid: server.pid, sync: { host: '127.0.0.1', port: server.port }, spire },
    stop: async () => {
      await agent.stop();
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}
