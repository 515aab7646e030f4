// One hop from service to service through the SDK (mTLS, verified peer, policy, receipt) against plain HTTP between the same two threads.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { Worker } from 'node:worker_threads';
import { systemClock, unixSeconds } from '#kernel';
import { dialService } from '../src/sdk/dial-service.ts';
import { ServicePool } from '../src/sdk/fetch.ts';
import { Identity } from '../src/sdk/identity.ts';
import { authorityAt, message, mint, service } from '../src/sdk/serve.harness.ts';
import type { Figure } from './figure.ts';

const RATE = 1000;
const WARM_MILLIS = 1000;
const TURN_MILLIS = 500;
const TURNS = 4;
const CONCURRENT = 32;
const ADDED_MILLIS = 0.25;
const PER_SECOND = 6000;

type Call = () => Promise<unknown>;

export async function run(): Promise<readonly Figure[]> {
  const authority = authorityAt(systemClock);
  const worker = new Worker(new URL('hop/service.ts', import.meta.url), { workerData: { authority } });
  const [ports]: { guarded: number; plain: number }[] = await once(worker, 'message');
  const identity = new Identity(systemClock);
  identity.apply(message(systemClock, authority));
  const there = { ...service, endpoints: [{ host: '127.0.0.1', port: ports?.guarded ?? 0 }] };
  const pool = new ServicePool(() => dialService(there, identity, (chain) => void identity.verify(chain, 'server')));
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const mtls: Call = () => pool.request('/', 'service', {});
  const token = await mint('txn-token', unixSeconds(systemClock), {});
  const user: Call = () => pool.request('/', 'service', { headers: { 'txn-token': token } });
  const plain: Call = () => get(agent, ports?.plain ?? 0);
  try {
    const calls = [plain, mtls, user];
    for (const call of calls) await atOnce(call, WARM_MILLIS);
    const [base = 0, bare = 0, withUser = 0] = (await inTurns(calls, paced)).map(median);
    const [limit = 0, most = 0, mostWithUser = 0] = (await inTurns(calls, count)).map(mean);
    return [
      added('hop.mtls.p50', bare, base),
      { ...added('hop.user.p50', withUser, base), budget: null, ok: true },
      perSecond('hop.mtls.throughput', most, limit),
      { ...perSecond('hop.user.throughput', mostWithUser, limit), budget: null, ok: true },
    ];
  } finally {
    pool.close();
    agent.destroy();
    await worker.terminate();
  }
}

function added(name: string, value: number, limit: number): Figure {
  const budget = `at most ${ADDED_MILLIS} ms over plain HTTP at ${RATE} requests/s`;
  return { name, unit: 'ms', value, limit, ratio: value / limit, budget, ok: value - limit <= ADDED_MILLIS };
}

function perSecond(name: string, value: number, limit: number): Figure {
  const budget = `>= ${PER_SECOND} requests/s`;
  return { name, unit: 'requests/s', value, limit, ratio: value / limit, budget, ok: value >= PER_SECOND };
}

/** Each call for a turn, one after the other, several times: what else the machine does falls on all of them. */
async function inTurns(calls: readonly Call[], run: (call: Call) => Promise<readonly number[]>): Promise<number[][]> {
  const found: number[][] = calls.map(() => []);
  for (let turn = 0; turn < TURNS; turn++)
    for (const [index, call] of calls.entries()) found[index]?.push(...(await run(call)));
  return found;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const count = async (call: Call): Promise<readonly number[]> => [await atOnce(call, TURN_MILLIS)];

/** Latencies at a fixed rate, each request sent when it is due, whether or not the one before has been answered. */
async function paced(call: Call): Promise<readonly number[]> {
  const millis: number[] = [];
  const open: Promise<unknown>[] = [];
  const start = performance.now();
  for (let sent = 0; sent < (RATE * TURN_MILLIS) / 1000; ) {
    const due = Math.floor(((performance.now() - start) * RATE) / 1000);
    for (; sent < due; sent++) {
      const at = performance.now();
      open.push(call().then(() => millis.push(performance.now() - at)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  return millis;
}

/** Requests a second when as many as that are under way all the time. */
async function atOnce(call: Call, durationMillis: number): Promise<number> {
  const start = performance.now();
  let done = 0;
  const work = async (): Promise<void> => {
    for (; performance.now() < start + durationMillis; done++) await call();
  };
  await Promise.all(Array.from({ length: CONCURRENT }, work));
  return (done * 1000) / (performance.now() - start);
}

function get(agent: Agent, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ agent, host: '127.0.0.1', port, path: '/' }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
      });
      response.on('end', () => resolve(text));
    });
    call.on('error', reject);
    call.end();
  });
}
