// Entries from 1,000 to 100,000 on SQLite: how long a cold start takes, what an entry costs in memory, and what one change costs from the
// operator's commit to what its agent is sent. Limits of the same run: reading and parsing the same bodies bare, and a bare transaction.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock, systemRandom } from '#kernel';
import { SqliteStore } from '#plugins/store/sqlite';
import { type AgentRecord, MemoryStore, Registry, type ResourceChange } from '#registry';
import { AgentView } from '../src/server/agent-view.ts';
import type { Figure } from './figure.ts';

const SIZES = [1000, 10_000, 100_000];
const AGENTS = 100;
const DURABLE_CHANGES = 40;
const CHANGES = 1000;
const BATCH = 5000;

interface Measured {
  readonly startMillis: number;
  readonly bareStartMillis: number;
  readonly bytesPerEntry: number;
  readonly changeMillis: number;
  readonly bareChangeMillis: number;
  readonly changeMicros: number;
}

export async function run(): Promise<readonly Figure[]> {
  const measured = new Map<number, Measured>();
  for (const size of SIZES) measured.set(size, await measure(size));
  const figures: Figure[] = [];
  for (const [size, one] of measured) {
    const name = `registry.${size / 1000}k`;
    // The start of SQLite's thread stands in each; only the largest is judged.
    figures.push(
      figure(`${name}.cold-start`, 'ms', one.startMillis, one.bareStartMillis, size === 100_000 ? 5 : undefined),
      {
        ...figure(`${name}.memory`, 'bytes/entry', one.bytesPerEntry),
        budget: '<= 2,500',
        ok: one.bytesPerEntry <= 2500,
      },
      figure(`${name}.durable-change`, 'ms', one.changeMillis, one.bareChangeMillis),
      figure(`${name}.change`, 'µs', one.changeMicros),
    );
  }
  const [small, large] = [measured.get(1000), measured.get(100_000)];
  if (small !== undefined && large !== undefined)
    figures.push(figure('registry.100k.change-against-1k', 'µs', large.changeMicros, small.changeMicros, 3));
  return figures;
}

async function measure(size: number): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-registry-'));
  const file = join(directory, 'registry.db');
  try {
    await fill(file, size);
    const bareStartMillis = best(3, () => bareRead(file));
    const before = heap();
    const started = performance.now();
    const store = await SqliteStore.open(file);
    const registry = await Registry.open({ store, clock: systemClock, random: systemRandom });
    const startMillis = performance.now() - started;
    const bytesPerEntry = (heap() - before) / size;
    const changeMillis = (await measureChanges(registry, size, DURABLE_CHANGES)) / 1000;
    const bareChangeMillis = bareTransactions(join(directory, 'bare.db'));
    await registry.close();
    await store.close();
    const changeMicros = await inMemory(size);
    return { startMillis, bareStartMillis, bytesPerEntry, changeMillis, bareChangeMillis, changeMicros };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function fill(file: string, size: number): Promise<void> {
  const store = await SqliteStore.open(file);
  const registry = await Registry.open({ store, clock: systemClock, random: systemRandom });
  await registry.commit('bank-a', [domain]);
  for (let from = 0; from < size; from += BATCH)
    await registry.commit(
      'bank-a',
      Array.from({ length: Math.min(BATCH, size - from) }, (_, index) => entry(from + index)),
    );
  await registry.close();
  await store.close();
}

/** The same without a disk: what a change costs in work. */
async function inMemory(size: number): Promise<number> {
  const registry = await Registry.open({ store: new MemoryStore(), clock: systemClock, random: systemRandom });
  await registry.commit('bank-a', [domain, ...Array.from({ length: size }, (_, index) => entry(index))]);
  await measureChanges(registry, size, CHANGES);
  const micros = await measureChanges(registry, size, CHANGES);
  await registry.close();
  return micros;
}

/** Microseconds from a commit of one entry until its agent's update holds it, with the views of 100 agents listening. */
async function measureChanges(registry: Registry, size: number, count: number): Promise<number> {
  const views = Array.from({ length: AGENTS }, (_, index) => {
    const view = new AgentView(registry, agent(index), () => undefined);
    view.next();
    return view;
  });
  const micros: number[] = [];
  for (let change = 0; change < count; change++) {
    const at = (change * 997) % size;
    const started = performance.now();
    await registry.commit('bank-a', [entry(at, `changed ${started}`)]);
    const update = views[at % AGENTS]?.next();
    micros.push((performance.now() - started) * 1000);
    if (update?.upserts.length !== 1) process.exitCode = 1;
  }
  for (const view of views) view.close();
  return median(micros);
}

/** The least that a start must do: read the same rows and parse them. */
function bareRead(file: string): number {
  const started = performance.now();
  const database = new DatabaseSync(file, { readOnly: true });
  const bodies = database.prepare('SELECT key, body FROM resource').all();
  const parsed = new Map(bodies.map(({ key, body }) => [key, JSON.parse(String(body))]));
  database.close();
  return parsed.size === 0 ? Number.NaN : performance.now() - started;
}

/** The least that a change must do: one durable row. */
function bareTransactions(file: string): number {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE one (body TEXT)');
  const insert = database.prepare('INSERT INTO one VALUES (?)');
  const body = JSON.stringify(entry(1).body);
  const millis = Array.from({ length: DURABLE_CHANGES }, () => {
    const started = performance.now();
    insert.run(body);
    return performance.now() - started;
  });
  database.close();
  return median(millis);
}

const domain: ResourceChange = { kind: 'TrustDomain', key: 'bank-a', body: { name: 'bank-a', userPath: '/user/' } };

function entry(index: number, hint?: string): ResourceChange {
  const id = `entry-${index}`;
  const body = {
    id,
    spiffeId: `spiffe://bank-a/ns/namespace-${index % 50}/sa/service-${index}`,
    parentId: `spiffe://bank-a/node/${index % AGENTS}`,
    selectors: [`k8s:ns:namespace-${index % 50}`, `k8s:sa:service-${index}`, `k8s:pod-uid:${id}`],
    ...(hint === undefined ? {} : { hint }),
  };
  return { kind: 'Entry', key: id, body };
}

function agent(index: number): AgentRecord {
  return {
    id: `spiffe://bank-a/spire/agent/x509pop/${index}`,
    trustDomain: 'bank-a',
    alias: `spiffe://bank-a/node/${index}`,
    attestationType: 'x509pop',
    selectors: [],
    canReattest: true,
    banned: false,
    serial: '01',
    expiresAt: 0,
  };
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function heap(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function best(times: number, work: () => number): number {
  return Math.min(...Array.from({ length: times }, work));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Without `most` it is told, not judged. */
function figure(name: string, unit: string, value: number, limit: number | null = null, most?: number): Figure {
  const ratio = limit === null ? null : value / limit;
  const judged = ratio !== null && most !== undefined;
  const budget = judged ? `<= ${most} times the limit` : null;
  return { name, unit, value, limit, ratio, budget, ok: process.exitCode !== 1 && (!judged || ratio <= most) };
}
