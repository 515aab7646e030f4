// A change at the server until it is there: an entry until its SVID is in the workload's stream, with one agent and with 1,000 (separate TLS
// connections that attested and acknowledge), and what all agents get until the last of them has acknowledged. Server, agent and the simulated
// agents are processes of their own. The limit is a bare node:http2 server in the same run, which pushes as many bytes to as many TLS streams.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '#kernel';
import { SqliteStore } from '#plugins/store/sqlite';
import { Registry, type ResourceChange } from '#registry';
import type { Client } from '#wire';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { Entry } from '#wire/gen/spire/api/types';
import type { Figure } from './figure.ts';
import { AgentProcess, NO_RATE_LIMITS, ServerProcess, stage, TRUST_DOMAIN, Worker } from './processes.ts';
import type { BareQuestion } from './propagation/bare.ts';
import type { FleetAnswer, FleetQuestion } from './propagation/fleet.ts';
import { IdentityStream } from './propagation/identity-stream.ts';

const AGENTS = 1000;
const ENTRIES = 250;
const ENTRIES_OF_MANY = 150;
const SHARED = 30;
const STORED = 100_000;
const BATCH = 5000;
/** The parent of what all agents serve. */
const FLEET = `spiffe://${TRUST_DOMAIN}/node/fleet`;
const PUSHED_BYTES = 400;
const UID = process.getuid?.() ?? 0;

export async function run(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'propagation-'));
  try {
    const [figures, small] = await inFleet(directory);
    return [...figures, ...(await amongMany(directory, small))];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function inFleet(parent: string): Promise<readonly [readonly Figure[], Times]> {
  const house = await House.open(join(parent, 'fleet'));
  const [fleet, bareFleet, bare] = [worker('fleet'), worker('fleet'), worker('bare')];
  try {
    const { port } = await ask<{ port: number }>(bare, { listen: selfSigned(parent) });
    const followed = { port, servername: TRUST_DOMAIN };
    await stage('one bare stream opens', 5000, asked(bareFleet, { ...followed, follow: 1 }));
    const bareOne = await stage('pushes to it', 5000, pushed(bare, bareFleet, ENTRIES));
    const one = await stage(`${ENTRIES} entries with 1 agent`, 20_000, house.entries(ENTRIES));

    const joining = { join: await house.tokens(AGENTS - 2), port: house.server.port, servername: TRUST_DOMAIN };
    await stage(`${AGENTS - 2} agents join`, 30_000, asked(fleet, joining));
    const last = await stage('the last one joins', 10_000, house.another());
    await stage('as many bare streams open', 20_000, asked(bareFleet, { ...followed, follow: AGENTS - 2 }));
    const bareAll = await stage('pushes to them', 20_000, pushed(bare, bareFleet, SHARED));
    const many = await stage(`${ENTRIES_OF_MANY} entries with all`, 20_000, house.entries(ENTRIES_OF_MANY));
    const all: [string, Acknowledged][] = [];
    const places = { fleet, last };
    for (const [name, change] of house.shared())
      all.push([name, await stage(`${SHARED} times ${name} for all`, 20_000, house.toAll(places, change))]);
    return [
      [
        ...latencies('propagation.entry.1-agent', one.created, bareOne, 100),
        ...latencies('propagation.entry-deleted.1-agent', one.deleted, bareOne),
        ...latencies(`propagation.entry.${AGENTS}-agents`, many.created, bareOne, 200),
        ...latencies(`propagation.entry-deleted.${AGENTS}-agents`, many.deleted, bareOne),
        ...all.flatMap(([name, { workload, acknowledged }]) => [
          ...(workload.length === 0 ? [] : latencies(`propagation.${name}-of-all.in-stream`, workload, bareOne, 200)),
          ...latencies(`propagation.${name}-of-all.acknowledged-by-${AGENTS}`, acknowledged, bareAll),
        ]),
      ],
      one.created,
    ];
  } finally {
    for (const child of [fleet, bareFleet, bare]) await child.stop();
    await house.close();
  }
}

/** The same with a registry of 100,000 entries, ten of which are the agent's. */
async function amongMany(parent: string, small: Times): Promise<readonly Figure[]> {
  const directory = join(parent, 'many');
  await stage(`${STORED} entries are stored`, 30_000, fill(join(directory, 'data')));
  const house = await stage('server and agent start on them', 20_000, House.open(directory));
  try {
    const { created } = await stage(`${ENTRIES_OF_MANY} entries among them`, 20_000, house.entries(ENTRIES_OF_MANY));
    const [value, limit] = [at(created, 0.5), at(small, 0.5)];
    const against = { name: `propagation.entry.${STORED / 1000}k-entries.p50`, value, unit: 'ms', limit };
    const figure = {
      ...against,
      ratio: value / limit,
      budget: '<= 2 times that of few entries',
      ok: value <= 2 * limit,
    };
    return [figure, ...latencies(`propagation.entry.${STORED / 1000}k-entries`, created, undefined, 100).slice(1)];
  } finally {
    await house.close();
  }
}

/** Milliseconds, in order. */
type Times = readonly number[];
interface Acknowledged {
  readonly workload: Times;
  readonly acknowledged: Times;
}
interface Places {
  readonly fleet: Worker;
  /** A workload of the agent that joined after all others, and is sent to after them. */
  readonly last: IdentityStream;
}
interface Change {
  /** Returns the revision that it made. */
  make(index: number): Promise<bigint>;
  /** The identity that the workload gets by it. */
  identity?(index: number): string;
}

/** A server, an agent, and one workload with an open stream. */
class House {
  readonly server: ServerProcess;
  readonly agent: AgentProcess;
  readonly #stream: IdentityStream;
  readonly #entries: Client<typeof EntryDefinition>;
  readonly #others: { readonly agent: AgentProcess; readonly stream: IdentityStream }[] = [];
  readonly #directory: string;
  #made = 0;

  private constructor(directory: string, server: ServerProcess, agent: AgentProcess) {
    this.#directory = directory;
    this.server = server;
    this.agent = agent;
    this.#entries = server.local(EntryDefinition);
    this.#stream = new IdentityStream(agent.socket);
  }

  static async open(directory: string): Promise<House> {
    mkdirSync(directory, { recursive: true });
    const server = await ServerProcess.start(directory, NO_RATE_LIMITS);
    try {
      const spec = { namespaces: [TRUST_DOMAIN] };
      const metadata = { name: TRUST_DOMAIN };
      await server.apply({ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata, spec });
      const agent = await AgentProcess.start(directory, server, FLEET);
      const client = server.local(EntryDefinition);
      await client.batchCreateEntry({ entries: [entry('base', agent.id)], outputMask: undefined });
      await new Promise((resolve) => setTimeout(resolve, 100));
      const house = new House(directory, server, agent);
      await house.#stream.until(idOf('base'), true);
      return house;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** The stream of a workload of one more agent. */
  async another(): Promise<IdentityStream> {
    const directory = join(this.#directory, 'another');
    mkdirSync(directory);
    const agent = await AgentProcess.start(directory, this.server, FLEET);
    await this.#create('other-base', agent.id);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stream = new IdentityStream(agent.socket);
    this.#others.push({ agent, stream });
    await stream.until(idOf('other-base'), true);
    return stream;
  }

  /** Entries of this agent alone, one after the other: from the call until the stream says so. */
  async entries(count: number): Promise<{ readonly created: Times; readonly deleted: Times }> {
    const [created, deleted]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < count; turn++) {
      const name = `own-${this.#made++}`;
      created.push(await this.#timed(name, true, () => this.#create(name, this.agent.id)));
      const remove = () => this.#entries.batchDeleteEntry({ ids: [name] });
      deleted.push(await this.#timed(name, false, remove));
    }
    return { created: inOrder(created), deleted: inOrder(deleted) };
  }

  /** Changes of what all agents get: until the last of them has acknowledged, and until the workload has it where it is an identity. */
  async toAll({ fleet, last }: Places, { make, identity }: Change): Promise<Acknowledged> {
    const [workload, acknowledged]: [number[], number[]] = [[], []];
    for (let index = 0; index < SHARED; index++) {
      const started = process.hrtime.bigint();
      const seen = identity === undefined ? undefined : last.until(identity(index), true).then(() => since(started));
      const revision = await make(index);
      const answer = await ask<FleetAnswer>(fleet, { revision: `${revision}` } satisfies FleetQuestion);
      acknowledged.push(Number(BigInt(answer.at) - started) / 1e6);
      if (seen !== undefined) workload.push(await seen);
    }
    return { workload: inOrder(workload), acknowledged: inOrder(acknowledged) };
  }

  shared(): readonly (readonly [string, Change])[] {
    const bundles = this.server.local(BundleDefinition);
    const revision = async (): Promise<bigint> => (await this.server.admin.status({})).trustDomains[0]?.revision ?? 0n;
    const policy = async (index: number): Promise<bigint> => {
      const metadata = { name: 'p', namespace: TRUST_DOMAIN };
      const rules = [{ from: [{ source: { principals: [`${TRUST_DOMAIN}/caller-${index}`] } }] }];
      const spec = { selector: { matchLabels: { app: 'one' } }, rules };
      return this.server.apply({ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata, spec });
    };
    const bundle = async (index: number): Promise<bigint> => {
      const own = await bundles.getBundle({ outputMask: undefined });
      const other = {
        ...own,
        trustDomain: 'partner.example',
        sequenceNumber: BigInt(index + 1),
        refreshHint: BigInt(60 + index),
      };
      await bundles.batchSetFederatedBundle({ bundle: [other], outputMask: undefined });
      return revision();
    };
    const shared = async (index: number): Promise<bigint> => {
      await this.#create(`shared-${index}`, FLEET);
      return revision();
    };
    return [
      ['entry', { make: shared, identity: (index) => idOf(`shared-${index}`) }],
      ['policy', { make: policy }],
      ['bundle', { make: bundle }],
    ];
  }

  async tokens(count: number): Promise<readonly string[]> {
    const made: string[] = [];
    const one = async (): Promise<void> => {
      while (made.length < count) made.push(await this.server.token(FLEET));
    };
    await stage(`${count} join tokens`, 20_000, Promise.all(Array.from({ length: 16 }, one)));
    return made.slice(0, count);
  }

  async close(): Promise<void> {
    for (const { agent, stream } of this.#others) {
      stream.close();
      await agent.stop();
    }
    this.#stream.close();
    await this.agent.stop();
    await this.server.stop();
  }

  async #create(name: string, parentId: string): Promise<void> {
    const { results } = await this.#entries.batchCreateEntry({
      entries: [entry(name, parentId)],
      outputMask: undefined,
    });
    if (results[0]?.status?.code !== 0) throw new TypeError(results[0]?.status?.message);
  }

  async #timed(name: string, isThere: boolean, change: () => Promise<unknown>): Promise<number> {
    const started = process.hrtime.bigint();
    const seen = this.#stream.until(idOf(name), isThere).then(() => since(started));
    await change();
    return seen;
  }
}

function entry(id: string, parentId: string): Entry {
  const parent = { trustDomain: TRUST_DOMAIN, path: parentId.slice(`spiffe://${TRUST_DOMAIN}`.length) };
  return {
    ...Entry.decode(new Uint8Array()),
    id,
    spiffeId: { trustDomain: TRUST_DOMAIN, path: `/${id}` },
    parentId: parent,
    selectors: [{ type: 'unix', value: `uid:${UID}` }],
  };
}

function idOf(name: string): string {
  return `spiffe://${TRUST_DOMAIN}/${name}`;
}

/** What a server finds on its disk: a hundred agents' entries, ten of them below all agents. */
async function fill(dataDir: string): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const store = await SqliteStore.open(join(dataDir, 'registry.db'));
  const registry = await Registry.open({ store, clock: systemClock, random: systemRandom });
  const name = TRUST_DOMAIN;
  const lists = { federatesWith: [], namespaces: [name], minters: [] };
  const body = { name, userPath: '/user/', caTtlSeconds: 86_400, x509SvidTtlSeconds: 3600, ...lists };
  await registry.commit(name, [{ kind: 'TrustDomain', key: name, body }]);
  for (let from = 0; from < STORED; from += BATCH)
    await registry.commit(
      name,
      Array.from({ length: BATCH }, (_, index) => stored(from + index)),
    );
  await registry.close();
  await store.close();
}

function stored(index: number): ResourceChange {
  const id = `stored-${index}`;
  const parentId = index < 10 ? FLEET : `spiffe://${TRUST_DOMAIN}/node/${index % 100}`;
  const selectors = [`k8s:ns:namespace-${index % 50}`, `k8s:sa:service-${index}`, `k8s:pod-uid:${id}`];
  return { kind: 'Entry', key: id, body: { id, spiffeId: idOf(id), parentId, selectors } };
}

function worker(name: string): Worker {
  return new Worker(join(import.meta.dirname, 'propagation', `${name}.ts`));
}

function ask<T>(child: Worker, question: FleetQuestion | BareQuestion): Promise<T> {
  return child.ask<T>(question);
}

async function asked(fleet: Worker, question: FleetQuestion): Promise<void> {
  await ask<FleetAnswer>(fleet, question);
}

let pushes = 1;

/** Milliseconds from the word to push until the last stream has acknowledged. */
async function pushed(bare: Worker, fleet: Worker, count: number): Promise<Times> {
  const millis: number[] = [];
  for (let turn = 0; turn < count; turn++) {
    const revision = `${++pushes}`;
    const started = process.hrtime.bigint();
    await ask(bare, { revision, bytes: PUSHED_BYTES });
    const { at: last } = await ask<FleetAnswer>(fleet, { revision });
    millis.push(Number(BigInt(last) - started) / 1e6);
  }
  return inOrder(millis);
}

function selfSigned(directory: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(directory, 'bare.key'), join(directory, 'bare.crt')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-x509', '-subj', '/CN=bare'];
  execFileSync('/usr/bin/openssl', ['req', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

function since(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e6;
}

function inOrder(millis: readonly number[]): Times {
  return [...millis].sort((a, b) => a - b);
}

function at(times: Times, share: number): number {
  return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
}

/** p50 and p99; `most` judges the p99. */
function latencies(name: string, times: Times, limits: Times | undefined, most?: number): readonly Figure[] {
  return ([0.5, 0.99] as const).map((share) => {
    const value = at(times, share);
    const limit = limits === undefined ? null : at(limits, share);
    const isJudged = share === 0.99 && most !== undefined;
    return {
      name: `${name}.p${share * 100}`,
      value,
      unit: 'ms',
      limit,
      ratio: limit === null ? null : value / limit,
      budget: isJudged ? `< ${most}` : null,
      ok: !isJudged || value < most,
    };
  });
}
