import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '#rpc';
import type { Client, ServiceDefinition } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';

export const TRUST_DOMAIN = 'bank-a';
const ROOT = join(import.meta.dirname, '..');
export const NO_RATE_LIMITS = {
  attestation: 0,
  syncAttestation: 0,
  renewal: 0,
  status: 0,
  publish: 0,
  x509: 0,
  jwt: 0,
  wit: 0,
};

const children = new Set<ChildProcess>();
// However this process ends, they end with it.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
process.once('SIGTERM', () => process.exit(1));

/** Says on standard error what the bench is at, and fails when it takes longer. */
export async function stage<T>(what: string, limitMillis: number, work: Promise<T>): Promise<T> {
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TypeError(`${what}: not done in ${limitMillis} ms`)), limitMillis);
  });
  try {
    const done = await Promise.race([work, late]);
    process.stderr.write(`  ${what}: ${Math.round(performance.now() - started)} ms\n`);
    return done;
  } finally {
    clearTimeout(timer);
  }
}

/** `hauberk server` as a process of its own, SQLite on disk. */
export class ServerProcess {
  readonly port: number;
  readonly pid: number;
  readonly admin: Client<typeof AdminDefinition>;
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #clients: { close(): Promise<void> }[] = [];

  private constructor(directory: string, child: ChildProcess, port: number) {
    this.#directory = directory;
    this.#child = child;
    this.port = port;
    this.pid = child.pid ?? 0;
    this.admin = this.#own(createClient(AdminDefinition, { socketPath: join(directory, 'a.sock') }));
  }

  /** With the rate limits as they are by default, or these. */
  static async start(directory: string, rateLimits: object = {}): Promise<ServerProcess> {
    const config = join(directory, 'server.json');
    const place = { dataDir: join(directory, 'data'), adminSocket: join(directory, 'a.sock') };
    const sync = { host: '127.0.0.1', port: 0 };
    writeFileSync(config, JSON.stringify({ ...place, sync, spire: { rateLimits } }));
    const [child, ready] = await startMain('server', config);
    return new ServerProcess(directory, child, ready.sync?.port ?? 0);
  }

  /** On the trust domain's own socket, as SPIRE's command line would. */
  local<D extends ServiceDefinition>(definition: D): Client<D> {
    return this.#own(
      createClient<D>(definition, { socketPath: join(this.#directory, 'spire', `${TRUST_DOMAIN}.sock`) }),
    );
  }

  async apply(...documents: readonly object[]): Promise<bigint> {
    const { changes, problems } = await this.admin.apply({
      documentsJson: documents.map((one) => JSON.stringify(one)),
      dryRun: false,
    });
    if (problems.length > 0) throw new TypeError(JSON.stringify(problems[0]));
    return changes.at(-1)?.revision ?? 0n;
  }

  async token(alias = ''): Promise<string> {
    const request = { trustDomain: TRUST_DOMAIN, ttlSeconds: 600, spiffeId: alias };
    return (await this.admin.createJoinToken(request)).token;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await ended(this.#child);
  }

  #own<T extends { close(): Promise<void> }>(client: T): T {
    this.#clients.push(client);
    return client;
  }
}

/** A port of this machine that nobody listens on, for what must be told its port. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port }: AddressInfo = Object(probe.address());
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** `hauberk agent` as a process of its own, joined and healthy. */
export class AgentProcess {
  readonly socket: string;
  readonly pid: number;
  /** Its SPIFFE ID: entries below it are its alone. */
  readonly id: string;
  readonly #child: ChildProcess;

  private constructor(socket: string, child: ChildProcess, id: string) {
    this.socket = socket;
    this.pid = child.pid ?? 0;
    this.id = id;
    this.#child = child;
  }

  static async start(directory: string, server: ServerProcess, alias: string): Promise<AgentProcess> {
    const config = join(directory, 'agent.json');
    const [socket, adminSocket] = [join(directory, 'w.sock'), join(directory, 'agent-admin', 'a.sock')];
    const { bundleJson } = await server.admin.getBundle({ trustDomain: TRUST_DOMAIN });
    const joinToken = await server.token(alias);
    writeFileSync(
      config,
      JSON.stringify({
        node: 'local',
        workloadSocket: socket,
        adminSocket,
        dataDir: join(directory, 'agent-data'),
        server: { host: '127.0.0.1', port: server.port },
        trustDomains: [{ name: TRUST_DOMAIN, joinToken, bundle: JSON.parse(bundleJson) }],
      }),
    );
    const [child] = await startMain('agent', config);
    const supervisor = createClient(SupervisorDefinition, { socketPath: adminSocket });
    for (;;) {
      const { healthy, trustDomains } = await supervisor.status({});
      const id = trustDomains[0]?.agentId ?? '';
      if (healthy) {
        await supervisor.close();
        return new AgentProcess(socket, child, id);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    await ended(this.#child);
  }
}

/** A child process of a bench that answers one message at a time. */
export class Worker {
  readonly #child: ChildProcess;

  constructor(file: string) {
    this.#child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    children.add(this.#child);
  }

  ask<T>(question: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new TypeError('the child has ended'));
      this.#child.once('exit', gone);
      this.#child.once('message', (answer) => {
        this.#child.off('exit', gone);
        resolve(answer as T);
      });
      this.#child.send(question);
    });
  }

  async stop(): Promise<void> {
    await ended(this.#child);
  }
}

type Ready = { readonly adminSocket?: string; readonly sync?: { readonly port: number } };

async function startMain(kind: 'server' | 'agent', config: string): Promise<readonly [ChildProcess, Ready]> {
  const main = join(ROOT, 'src', kind, 'main.ts');
  const child = spawn(process.execPath, [main, '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const ready = JSON.parse(String(value)) as Ready;
  if (ready.adminSocket === undefined) throw new TypeError(`${kind}: ${String(value)}`);
  return [child, ready];
}

async function ended(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exit;
  clearTimeout(timer);
}
