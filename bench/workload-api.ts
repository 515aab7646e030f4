// The Workload API of a running agent: the first FetchX509SVID message of N connections that open at once, cached FetchJWTSVID and
// ValidateJWTSVID. The limit of each is a bare node:http2 server that answers as many bytes, asked by the same client in the same run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { JWTSVIDRequest, SpiffeWorkloadAPIDefinition, ValidateJWTSVIDRequest } from '#wire/gen/workloadapi';
import type { Figure } from './figure.ts';
import { RawClient } from './workload-api/raw-client.ts';

const AT_ONCE = [1, 100, 600, 1000, 10_000];
const MEASURE_MILLIS = 1500;
const CONNECTIONS = 16;
const X509_BYTES = 2600;
/** SPIRE's agent answers 600 connections with a p50 of 393 ms and none after 1,000. */
const P50_MILLIS: Readonly<Record<number, number>> = { 600: 196, 10000: 10_000 };

export async function run(): Promise<readonly Figure[]> {
  const agent = await start('served.ts');
  const bare = await start('bare.ts', `${X509_BYTES}`);
  const small = await start('bare.ts', '400');
  const figures: Figure[] = [];
  try {
    for (const count of AT_ONCE) {
      const limit = await atOnce(bare.socket, count);
      const ours = await atOnce(agent.socket, count);
      figures.push(latency(`workload-api.x509-first.${count}.p50`, ours.p50, limit.p50, P50_MILLIS[count]));
      figures.push(latency(`workload-api.x509-first.${count}.p99`, ours.p99, limit.p99, undefined));
    }
    figures.push(await healthyAfter(agent.socket));
    const metadata = { 'workload.spiffe.io': 'true' };
    const client = createClient(SpiffeWorkloadAPIDefinition, { dial: () => dialUnix(agent.socket), metadata });
    const request = { audience: ['bench'], spiffeId: '' };
    const { svids } = await client.fetchJWTSVID(request);
    await client.close();
    const fetch = JWTSVIDRequest.encode(request).finish();
    const validate = ValidateJWTSVIDRequest.encode({ audience: 'bench', svid: svids[0]?.svid ?? '' }).finish();
    const most = await perSecond(small.socket, '/x', fetch);
    const fetched = await perSecond(agent.socket, '/SpiffeWorkloadAPI/FetchJWTSVID', fetch);
    const validated = await perSecond(agent.socket, '/SpiffeWorkloadAPI/ValidateJWTSVID', validate);
    figures.push(rate('workload-api.fetch-jwt-svid.cached', fetched, most, 12_000));
    figures.push(rate('workload-api.validate-jwt-svid', validated, most, 7000));
    figures.push(memory(agent.pid));
  } finally {
    for (const child of [agent, bare, small]) child.stop();
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

/** Milliseconds until the first answer, of connections that all open now. */
async function atOnce(socket: string, count: number): Promise<{ p50: number; p99: number }> {
  const path = '/SpiffeWorkloadAPI/FetchX509SVID';
  const times: number[] = [];
  const start = performance.now();
  const clients = Array.from({ length: count }, () => new RawClient(socket, path, Buffer.alloc(0)));
  await Promise.all(
    clients.map(async (client) => {
      await client.first();
      times.push(performance.now() - start);
    }),
  );
  for (const client of clients) client.close();
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function healthyAfter(socket: string): Promise<Figure> {
  const start = performance.now();
  await atOnce(socket, 1);
  const value = performance.now() - start;
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

async function perSecond(socket: string, path: string, message: Uint8Array): Promise<number> {
  const clients = Array.from({ length: CONNECTIONS }, () => new RawClient(socket, path, message));
  await Promise.all(clients.map((client) => client.first()));
  let done = 0;
  const start = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - start < MEASURE_MILLIS) {
        await client.call();
        done++;
      }
    }),
  );
  const value = (done * 1000) / (performance.now() - start);
  for (const client of clients) client.close();
  return value;
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

function rate(name: string, value: number, limit: number, budget: number): Figure {
  return { name, value, unit: '/s', limit, ratio: value / limit, budget: `>= ${budget}`, ok: value >= budget };
}

/** Of server and agent, after all of this. */
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
