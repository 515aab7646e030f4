// The Workload API of a running agent, server and agent each in a process of its own: one connection after the other, the first FetchX509SVID
// message of N connections that open at once, cached FetchJWTSVID and ValidateJWTSVID, and what each costs the agent of the processor. The limit
// of each is a bare node:http2 server that answers as many bytes, asked by the same client in the same run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { JWTSVIDRequest, SpiffeWorkloadAPIDefinition, ValidateJWTSVIDRequest } from '#wire/gen/workloadapi';
import type { Figure } from './figure.ts';
import { processorTime } from './processor.ts';
import { startHouse } from './workload-api/house.ts';
import { RawClient } from './workload-api/raw-client.ts';

const AT_ONCE = [100, 600, 1000, 10_000];
const ALONE = 200;
const MEASURE_MILLIS = 1500;
const CONNECTIONS = 16;
const X509_BYTES = 2600;
/** SPIRE's agent answers 600 connections with a p50 of 393 ms and none after 1,000. */
const P50_MILLIS: Readonly<Record<number, number>> = { 600: 196, 10000: 10_000 };

export async function run(): Promise<readonly Figure[]> {
  const agent = await startHouse();
  const bare = await start('bare.ts', `${X509_BYTES}`);
  const small = await start('bare.ts', '400');
  const figures: Figure[] = [];
  try {
    // The first of all waits for the server's signature and for code that has never run.
    figures.push(latency('workload-api.x509-first.cold', await alone(agent, 1), await alone(bare, 1), undefined));
    figures.push(
      latency('workload-api.x509-first.1.p50', await alone(agent, ALONE), await alone(bare, ALONE), undefined),
    );
    for (const count of AT_ONCE) {
      const limit = await atOnce(bare, count);
      const ours = await atOnce(agent, count);
      figures.push(latency(`workload-api.x509-first.${count}.p50`, ours.p50, limit.p50, P50_MILLIS[count]));
      figures.push(latency(`workload-api.x509-first.${count}.p99`, ours.p99, limit.p99, undefined));
      figures.push(latency(`workload-api.x509-first.${count}.processor`, ours.processor, limit.processor, undefined));
    }
    figures.push(await healthyAfter(agent));
    const metadata = { 'workload.spiffe.io': 'true' };
    const client = createClient(SpiffeWorkloadAPIDefinition, { dial: () => dialUnix(agent.socket), metadata });
    const request = { audience: ['bench'], spiffeId: '' };
    const { svids } = await client.fetchJWTSVID(request);
    await client.close();
    const fetch = JWTSVIDRequest.encode(request).finish();
    const validate = ValidateJWTSVIDRequest.encode({ audience: 'bench', svid: svids[0]?.svid ?? '' }).finish();
    const most = await perSecond(small, '/x', fetch);
    const fetched = await perSecond(agent, '/SpiffeWorkloadAPI/FetchJWTSVID', fetch);
    const validated = await perSecond(agent, '/SpiffeWorkloadAPI/ValidateJWTSVID', validate);
    figures.push(...rates('workload-api.fetch-jwt-svid.cached', fetched, most, 12_000));
    figures.push(...rates('workload-api.validate-jwt-svid', validated, most, 7000));
    figures.push(memory(agent.pid));
  } finally {
    for (const child of [agent, bare, small]) await child.stop();
  }
  return figures;
}

async function start(file: string, ...more: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'workload-api', file), ...more], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const { socket }: { socket: string } = JSON.parse(String(line));
  return { socket, pid: child.pid ?? 0, stop: () => child.stdin.end() };
}

interface Asked {
  readonly socket: string;
  readonly pid: number;
}

const FETCH_X509 = '/SpiffeWorkloadAPI/FetchX509SVID';
const NO_BYTES = Buffer.alloc(0);

/** Milliseconds until the first answer, of one connection after the other: their median. */
async function alone({ socket }: Asked, count: number): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < count; turn++) {
    const start = performance.now();
    const client = new RawClient(socket, FETCH_X509, NO_BYTES);
    await client.first();
    times.push(performance.now() - start);
    client.close();
  }
  return share(times, 0.5);
}

/** Milliseconds until the first answer, of connections that all open now; and of the processor for each. */
async function atOnce({ socket, pid }: Asked, count: number): Promise<{ p50: number; p99: number; processor: number }> {
  const times: number[] = [];
  const before = processorTime(pid).all;
  const start = performance.now();
  const clients = Array.from({ length: count }, () => new RawClient(socket, FETCH_X509, NO_BYTES));
  await Promise.all(
    clients.map(async (client) => {
      await client.first();
      times.push(performance.now() - start);
    }),
  );
  const processor = (processorTime(pid).all - before) / 1000 / count;
  for (const client of clients) client.close();
  return { p50: share(times, 0.5), p99: share(times, 0.99), processor };
}

function share(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

async function healthyAfter(agent: Asked): Promise<Figure> {
  const value = await alone(agent, 1);
  return {
    name: 'workload-api.after-10000',
    value,
    unit: 'ms',
    limit: null,
    ratio: null,
    budget: '< 1000',
    ok: value < 1000,
  };
}

interface Rate {
  readonly perSecond: number;
  /** Milliseconds of the server's processor for a call. */
  readonly processor: number;
}

async function perSecond({ socket, pid }: Asked, path: string, message: Uint8Array): Promise<Rate> {
  const clients = Array.from({ length: CONNECTIONS }, () => new RawClient(socket, path, message));
  await Promise.all(clients.map((client) => client.first()));
  let done = 0;
  const before = processorTime(pid).all;
  const start = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - start < MEASURE_MILLIS) {
        await client.call();
        done++;
      }
    }),
  );
  const perSecond = (done * 1000) / (performance.now() - start);
  const processor = (processorTime(pid).all - before) / 1000 / done;
  for (const client of clients) client.close();
  return { perSecond, processor };
}

function latency(name: string, value: number, limit: number, budget: number | undefined): Figure {
  const bound = budget === undefined ? null : `<= ${budget}`;
  return {
    name,
    value,
    unit: 'ms',
    limit,
    ratio: limit / value,
    budget: bound,
    ok: budget === undefined || value <= budget,
  };
}

function rates(name: string, ours: Rate, limit: Rate, budget: number): readonly Figure[] {
  const { perSecond: value, processor } = ours;
  const ratio = value / limit.perSecond;
  return [
    { name, value, unit: '/s', limit: limit.perSecond, ratio, budget: `>= ${budget}`, ok: value >= budget },
    latency(`${name}.processor`, processor, limit.processor, undefined),
  ];
}

/** Of the agent, after all of this. */
function memory(pid: number): Figure {
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
  return {
    name: 'workload-api.memory',
    value: kilobytes / 1024,
    unit: 'MB',
    limit: null,
    ratio: null,
    budget: null,
    ok: true,
  };
}
