import { join } from 'node:path';
import type { Clock, Log, Random } from '#kernel';
import { Fault, Lifecycle } from '#kernel';
import type { CheckContext, Probe, ProbeResult } from './check-context.ts';
import { spawnChild } from './child.ts';
import { type AdminClient, connectAdmin, connectSupervisor, type SupervisorClient } from './control.ts';
import { type Database, startDatabase } from './database.ts';
import type { UpEnvironment } from './environment.ts';
import { keepAgentJoined } from './joined.ts';
import { type Plan, readPlan } from './plan.ts';
import { hauberkProcess, moduleOptions, moduleProcess, Registrations, type Workshop } from './processes.ts';
import { claimRunDirectory, type RunDirectory, runRoot } from './run-directory.ts';
import { readSecret } from './secrets.ts';
import { strippedCopy } from './stripped-copy.ts';
import type { Supervised } from './supervised.ts';
import { wire } from './wiring.ts';

export interface UpOptions {
  readonly file: string;
  /** Root of the installation: where `src` and `node_modules` lie. */
  readonly root: string;
  /** Adds what the environment's check adds. */
  readonly check: boolean;
  readonly runDirectory?: string;
  readonly environment: UpEnvironment;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Progress, one line each, for a person. */
  readonly say: (line: string) => void;
}

export interface RunningUp {
  readonly plan: Plan;
  readonly runDirectory: string;
  readonly edge:
    | { readonly http: string; readonly https: string; readonly port: number; readonly httpsPort: number }
    | undefined;
  readonly users: readonly { readonly name: string; readonly password: string; readonly try: string }[];
  readonly admin: AdminClient;
  readonly checkContext: CheckContext | undefined;
  close(): Promise<void>;
}

/**
 * Brings an environment up on this machine: server and database, then documents, the agent, and everything that needs an identity,
 * in parallel. Every process is started again when it ends. Throws a Fault, with nothing left running, when the first start fails.
 */
export async function startUp(options: UpOptions): Promise<RunningUp> {
  const plan = readPlan(options.file, { check: options.check });
  const path = options.runDirectory ?? join(runRoot(options.environment), plan.name);
  const run = claimRunDirectory(path, plan.name, options.environment.uid);
  const lifecycle = new Lifecycle();
  lifecycle.defer(() => run.release());
  try {
    return await bringUp(options, plan, run, lifecycle);
  } catch (error) {
    await lifecycle.close().catch(() => {});
    throw error;
  }
}

async function bringUp(options: UpOptions, plan: Plan, run: RunDirectory, lifecycle: Lifecycle): Promise<RunningUp> {
  const wiring = await wire(plan, run, options.random);
  const copy = strippedCopy(options.root, run.at('code'));
  let supervisor: SupervisorClient | undefined;
  const agentClient = (): SupervisorClient => {
    if (supervisor === undefined) throw new Fault('IDENTITY_UNAVAILABLE', 'the agent is not running yet');
    return supervisor;
  };
  const registrations = new Registrations(agentClient);
  const { environment, root, say } = options;
  const register: Workshop['register'] = (child, service) => registrations.register(child, service);
  const shop: Workshop = { plan, run, wiring, root, copy, environment, say, register };
  const start = async (process: Supervised): Promise<void> => {
    await process.start();
    lifecycle.own(process);
    say(`${process.name} is ready`);
  };

  const plain = plan.processes.filter(({ service }) => service === undefined);
  const server = hauberkProcess(shop, 'server', {
    config: () => ({
      name: plan.name,
      dataDir: run.at('server'),
      sync: { host: '127.0.0.1', port: wiring.serverPort },
      adminSocket: wiring.adminSocket,
    }),
  });
  const [database] = await allOf([
    startDatabase({ plan, run, environment, log: options.log, lifecycle, say }),
    start(server),
    ...plain.map((spec) => start(moduleProcess(shop, spec))),
  ]);

  const admin = connectAdmin(wiring.adminSocket);
  lifecycle.defer(() => admin.close());
  const changes = await admin.apply(wiring.documents);
  say(`documents are applied (${changes.length} changes)`);

  const joinMaterial = () =>
    Promise.all(plan.trustDomains.map((name) => admin.joinMaterial(name, `spiffe://${name}/node/${plan.spec.node}`)));
  const agent = hauberkProcess(shop, 'agent', {
    config: async () => ({
      node: plan.spec.node,
      workloadSocket: wiring.agentSocket,
      adminSocket: wiring.agentAdminSocket,
      dataDir: run.at('agent'),
      server: { host: '127.0.0.1', port: wiring.serverPort },
      trustDomains: await joinMaterial(),
    }),
    afterReady: async () => {
      await supervisor?.close();
      supervisor = connectSupervisor(wiring.agentAdminSocket);
      await registrations.again();
    },
  });
  await start(agent);
  lifecycle.defer(() => supervisor?.close());
  lifecycle.own(keepAgentJoined({ supervisor: agentClient, admin, node: plan.spec.node, say }));

  await allOf([
    ...frontProcesses(shop, database).map(start),
    ...plan.processes.filter(({ service }) => service !== undefined).map((spec) => start(moduleProcess(shop, spec))),
  ]);
  return running(shop, admin, database, lifecycle);
}

function frontProcesses(shop: Workshop, database: Database | undefined): readonly Supervised[] {
  const { plan, wiring, run } = shop;
  const processes: Supervised[] = [];
  if (plan.gate !== undefined && plan.spec.gate !== undefined && database !== undefined) {
    const { service } = plan.spec.gate;
    const config = {
      service,
      listen: { host: '127.0.0.1', port: wiring.findListen(service) },
      agentSocket: wiring.agentSocket,
      database: database.gate,
      document: wiring.fill(plan.gate.loaded.json),
      ...(database.serverLog === undefined ? {} : { serverLog: database.serverLog }),
    };
    processes.push(hauberkProcess(shop, 'gate', { config: () => config, service }));
  }
  if (plan.edge !== undefined && plan.spec.edge !== undefined) {
    const { service, hosts } = plan.spec.edge;
    const config = {
      service,
      http: { host: '127.0.0.1', port: wiring.edge.http },
      https: { host: '127.0.0.1', port: wiring.edge.https },
      hosts,
      agentSocket: wiring.agentSocket,
      dataDir: run.at('edge'),
      document: wiring.fill(plan.edge.loaded.json),
      routes: plan.routes.map(({ json }) => wiring.fill(json)),
    };
    processes.push(hauberkProcess(shop, 'edge', { config: () => config, service }));
  }
  return processes;
}

function running(shop: Workshop, admin: AdminClient, database: Database | undefined, lifecycle: Lifecycle): RunningUp {
  const { plan, wiring, run } = shop;
  const host = plan.spec.edge?.hosts[0];
  const edge =
    host === undefined
      ? undefined
      : {
          http: `http://${host}:${wiring.edge.http}`,
          https: `https://${host}:${wiring.edge.https}`,
          port: wiring.edge.http,
          httpsPort: wiring.edge.https,
        };
  const users = plan.spec.users.map((user) => ({
    name: user.name,
    password: readSecret(wiring.secretFile(user.password)).reveal(),
    try: user.try ?? '',
  }));
  const checkContext: CheckContext | undefined = edge && {
    edge,
    users,
    services: servicesOf(shop),
    agentSocket: wiring.agentSocket,
    postgres: database?.direct,
    admin: {
      why: async (id) => (await admin.why(id)).receipts,
      receipts: (filter) => admin.receipts(filter),
    },
    runAs: (probe) => runProbe(shop, probe),
  };
  return { plan, runDirectory: run.path, edge, users, admin, checkContext, close: () => lifecycle.close() };
}

function servicesOf({ plan, wiring }: Workshop): CheckContext['services'] {
  const services = plan.documents.flatMap(({ document }) => {
    if (document.kind !== 'Service') return [];
    const name = `${document.metadata.namespace}/${document.metadata.name}`;
    const [endpoint] = document.spec.endpoints;
    if (endpoint === undefined) return [];
    const port = endpoint.port === 'auto' ? (wiring.findListen(name) ?? 0) : endpoint.port;
    return [[name, { host: endpoint.host, port, spiffeId: document.spec.spiffeId }] as const];
  });
  return Object.fromEntries(services);
}

const PROBE_MILLIS = 30_000;

async function runProbe(shop: Workshop, probe: Probe): Promise<ProbeResult> {
  const name = `probe-${(probe.service ?? 'nobody').replace('/', '-')}`;
  const options = moduleOptions(shop, name, probe.module, probe.service);
  const child = await spawnChild({
    ...options,
    logFile: shop.run.at('log', 'probes.log'),
    stdout: 'capture',
    stdin: 'pipe',
  });
  const timer = setTimeout(() => void child.stop(500), probe.timeoutMillis ?? PROBE_MILLIS);
  try {
    if (probe.service !== undefined) await shop.register(child, probe.service);
    const output = collect(child.stdout);
    child.go();
    child.stdin?.end(probe.stdin);
    const [{ status }, stdout] = await Promise.all([child.exited, output]);
    return { stdout, status };
  } finally {
    clearTimeout(timer);
    await child.stop(500);
  }
}

const PROBE_OUTPUT_CHARACTERS = 1024 * 1024;

async function collect(stream: AsyncIterable<Buffer> | undefined): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) if (text.length < PROBE_OUTPUT_CHARACTERS) text += chunk.toString('utf8');
  return text;
}

/** Like `Promise.all`, but it lets every start end before it throws the first failure: what was started can then be stopped. */
async function allOf<T extends readonly Promise<unknown>[]>(
  started: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(started);
  return Promise.all(started) as Promise<{ [K in keyof T]: Awaited<T[K]> }>;
}
