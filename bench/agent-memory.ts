// What workloads cost an agent in memory: the agent's PSS (proportional set size, smaps_rollup) with 10, 100 and 1,000 workloads, each a
// connection of its own that holds its FetchX509SVID open and has had a JWT-SVID, of one user and one entry: what is theirs together is held once. The limit is a bare node:http2 server with as many connections and streams, measured in the same run.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { Entry } from '#wire/gen/spire/api/types';
import type { WorkloadsQuestion } from './agent-memory/workloads.ts';
import type { Figure } from './figure.ts';
import { AgentProcess, NO_RATE_LIMITS, ServerProcess, stage, TRUST_DOMAIN, Worker } from './processes.ts';

const COUNTS = [10, 100, 1000] as const;
const NODE = `spiffe://${TRUST_DOMAIN}/node/local`;
/** What an answer of the bare server weighs: about an SVID with its key and bundle. */
const ANSWER_BYTES = 2600;
/** A collection of the young and a good deal of the old has come by then. */
const SETTLE_MILLIS = 3000;
/** Per workload, over what the agent weighs without any: a gate against getting heavier, no goal. */
const MOST_BYTES = 150_000;

export async function run(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-memory-'));
  const server = await stage('the server starts', 10_000, ServerProcess.start(directory, NO_RATE_LIMITS));
  const bare = new Worker(join(import.meta.dirname, 'agent-memory', 'bare.ts'));
  try {
    await register(server);
    const house = join(directory, 'agent');
    mkdirSync(house);
    const agent = await stage('the agent joins', 10_000, AgentProcess.start(house, server, NODE));
    const socket = join(directory, 'bare.sock');
    const { pid } = await bare.ask<{ pid: number }>({ socket, bytes: ANSWER_BYTES });
    const limits = await growth('bare', pid, socket);
    const ours = await growth('agent', agent.pid, agent.socket);
    await agent.stop();
    return COUNTS.flatMap((count, index) => figures(count, ours, limits, index + 1));
  } finally {
    await bare.stop();
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}

async function register(server: ServerProcess): Promise<void> {
  const metadata = { name: TRUST_DOMAIN };
  await server.apply({ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata, spec: {} });
  await server.local(EntryDefinition).batchCreateEntry({ entries: [ownEntry()], outputMask: undefined });
}

function ownEntry(): Entry {
  const uid = process.getuid?.() ?? 0;
  return {
    ...Entry.decode(new Uint8Array()),
    id: 'workloads',
    spiffeId: { trustDomain: TRUST_DOMAIN, path: '/workloads' },
    parentId: { trustDomain: TRUST_DOMAIN, path: '/node/local' },
    selectors: [{ type: 'unix', value: `uid:${uid}` }],
  };
}

/** Bytes before the first workload, then with each of the counts. */
async function growth(name: string, pid: number, socket: string): Promise<readonly number[]> {
  const workloads = new Worker(join(import.meta.dirname, 'agent-memory', 'workloads.ts'));
  try {
    const weights = [await settled(pid)];
    let open = 0;
    for (const count of COUNTS) {
      const question: WorkloadsQuestion = { socket, count: count - open, withJwt: name === 'agent' };
      await stage(`${name}: ${count} workloads`, 20_000, workloads.ask(question));
      open = count;
      weights.push(await settled(pid));
    }
    return weights;
  } finally {
    await workloads.stop();
  }
}

async function settled(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLIS));
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? Number.NaN) * 1024;
}

function figures(count: number, ours: readonly number[], limits: readonly number[], at: number): readonly Figure[] {
  const [pss, none] = [ours[at] ?? Number.NaN, ours[0] ?? Number.NaN];
  const value = (pss - none) / count;
  const limit = ((limits[at] ?? Number.NaN) - (limits[0] ?? Number.NaN)) / count;
  const isJudged = count === Math.max(...COUNTS);
  const whole = { value: pss / 1024 / 1024, unit: 'MB', limit: (limits[at] ?? Number.NaN) / 1024 / 1024 };
  return [
    { name: `agent-memory.${count}.pss`, ...whole, ratio: whole.value / whole.limit, budget: null, ok: true },
    {
      name: `agent-memory.${count}.per-workload`,
      value,
      unit: 'bytes',
      limit,
      ratio: value / limit,
      budget: isJudged ? `<= ${MOST_BYTES}` : null,
      ok: !isJudged || value <= MOST_BYTES,
    },
  ];
}
