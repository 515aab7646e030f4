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
const MEASURE_MILLIS = 2000;
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
    for (const call of [plain, mtls, user]) await atOnce(call, WARM_MILLIS);
    const base = await paced(plain);
    const latency = [await paced(mtls), await paced(user)];
    const limit = await atOnce(plain, MEASURE_MILLIS);
    const [bare = 0, withUser = 0] = [await atOnce(mtls, MEASURE_MILLIS), await atOnce(user, MEASURE_MILLIS)];
    return [
      added('hop.mtls.p50', latency[0] ?? 0, base),
      { ...added('hop.user.p50', latency[1] ?? 0, base), budget: null, ok: true },
      perSecond('hop.mtls.throughput', bare, limit),
      { ...perSecond('hop.user.throughput', withUser, limit), budget: null, ok: true },
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

/** Median latency at a fixed rate, each request sent when it is due, whether or not the one before has been answered. */
async function paced(call: Call): Promise<number> {
  const millis: number[] = [];
  const open: Promise<unknown>[] = [];
  const start = performance.now();
  for (let sent = 0; sent < (RATE * MEASURE_MILLIS) / 1000; ) {
    const due = Math.floor(((performance.now() - start) * RATE) / 1000);
    for (; sent < due; sent++) {
      const at = performance.now();
      open.push(call().then(() => millis.push(performance.now() - at)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  return millis.sort((a, b) => a - b)[Math.floor(millis.length / 2)] ?? 0;
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
