import { join } from 'node:path';
import { type Clock, Lifecycle, type Log, type Random } from '#kernel';
import { type AdminClient, connectAdmin } from './control.ts';
import { type Database, startDatabase } from './database.ts';
import type { UpEnvironment } from './environment.ts';
import { frontProcesses } from './front-processes.ts';
import { AgentLine, startNodeAgent } from './node-agent.ts';
import { type Plan, readPlan } from './plan.ts';
import { hauberkProcess, moduleProcess, Registrations, type Workshop } from './processes.ts';
import { claimRunDirectory, type RunDirectory, runRoot } from './run-directory.ts';
import { type RunningUp, running } from './running.ts';
import { allOf, startTogether } from './start-together.ts';
import { strippedCopy } from './stripped-copy.ts';
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

/**
 * Brings an environment up on this machine: server and database, then documents, the agent, and everything that needs an identity,
 * in parallel. Every process is started again when it ends. Throws a Fault, with nothing left running, when the first start fails.
 */
export async function startUp(options: UpOptions): Promise<RunningUp> {
  const plan = readPlan(options.file, { check: options.check });
  // The check's attackers get a registry and a database of their own: nothing of theirs is left in the person's.
  const name = options.check ? `${plan.name}-check` : plan.name;
  const path = options.runDirectory ?? join(runRoot(options.environment), name);
  const run = claimRunDirectory(path, name, options.environment.uid);
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
  const { environment, root, say } = options;
  const wiring = await wire(plan, run, options.random);
  const copy = strippedCopy(root, run.at('code'));
  const line = new AgentLine();
  const registrations = new Registrations(line.client);
  const register: Workshop['register'] = (child, service) => registrations.register(child, service);
  const shop: Workshop = { plan, run, wiring, root, copy, environment, say, register };

  const database = await startFoundations(shop, options.log, lifecycle);
  const admin = await applyDocuments(shop, lifecycle);
  await startNodeAgent(shop, { admin, line, registrations, lifecycle });
  const services = plan.processes.filter(({ service }) => service !== undefined);
  const processes = [...frontProcesses(shop, database), ...services.map((spec) => moduleProcess(shop, spec))];
  await startTogether(lifecycle, processes, say);
  return running(shop, admin, database, lifecycle);
}

/** What needs no identity: the server, the database, and plain processes, together. */
async function startFoundations(shop: Workshop, log: Log, lifecycle: Lifecycle): Promise<Database | undefined> {
  const { plan, run, wiring, environment, say } = shop;
  const server = hauberkProcess(shop, 'server', {
    config: () => ({
      name: plan.name,
      dataDir: run.at('server'),
      sync: { host: '127.0.0.1', port: wiring.serverPort },
      adminSocket: wiring.adminSocket,
    }),
  });
  const plain = plan.processes.filter(({ service }) => service === undefined);
  const [database] = await allOf([
    startDatabase({ plan, run, environment, log, lifecycle, say }),
    startTogether(lifecycle, [server, ...plain.map((spec) => moduleProcess(shop, spec))], say),
  ]);
  return database;
}

/** What the environment's documents made, and only that, goes when they no longer name it. */
const DOCUMENT_SET = 'up';

async function applyDocuments({ plan, wiring, say }: Workshop, lifecycle: Lifecycle): Promise<AdminClient> {
  const admin = connectAdmin(wiring.adminSocket);
  lifecycle.defer(() => admin.close());
  const as = { set: DOCUMENT_SET, prune: true, pruneKind: '', allowEmpty: true };
  const changes = await admin.apply(wiring.documents, { places: plan.documents, as });
  say(`documents are applied (${changes.length} changes)`);
  return admin;
}
