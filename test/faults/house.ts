import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Lifecycle } from '#kernel';
import { createClient } from '#rpc';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { pemCertificates } from '#x509';
import { type Forged, forge } from '../forge/certificate.ts';
import { Cable } from './cable.ts';
import { documentsOf } from './documents.ts';

const root = join(import.meta.dirname, '..', '..');
const DAY = 86_400_000;
const START_MILLIS = 60_000;
const ANSWER_MILLIS = 30_000;

export const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path));

export type Node = 'one' | 'two';

/** What the calls of one stretch of time came to. */
export interface Tally {
  readonly calls: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Authority key ids of the SVIDs at both ends of the newest call. */
  readonly authorities: readonly string[];
  /** Serial of the caller's SVID. */
  readonly serial: string;
}

export interface HouseOptions {
  /** Kilobytes of a disk of its own for what the server keeps. */
  readonly serverDiskKb?: number;
  /** PEM of the roots by which the server judges bundle endpoints. */
  readonly webRoots?: string;
  /** With a clock that can be moved. */
  readonly movable?: boolean;
}

/**
 * A server, two nodes with an agent each, `caller` on node one and `service` on node two, each a process of its own in a run directory of its own. Node one reaches the
 * server by a cable that can be cut. Nodes attest by a certificate, so that an agent that was killed comes back by itself.
 */
export class House {
  readonly directory = mkdtempSync(join(tmpdir(), 'hf-'));
  readonly cable: Cable;
  readonly #life = new Lifecycle();
  readonly #options: HouseOptions;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #clients = new Map<string, ReturnType<House['supervisor']>>();
  readonly #nodes: Readonly<Record<Node, Forged>>;
  readonly #servicePort: number;
  #syncPort: number;
  #admin: ReturnType<House['connectAdmin']> | undefined;

  private constructor(options: HouseOptions, [servicePort, syncPort]: readonly [number, number]) {
    this.#options = options;
    this.#servicePort = servicePort;
    this.#syncPort = syncPort;
    this.cable = new Cable(() => this.#syncPort);
    const validity = { notBefore: Date.now() - DAY, notAfter: Date.now() + 90 * DAY };
    const nodes = forge({ ca: true, subject: 'nodes', ...validity });
    this.#nodes = {
      one: forge({ subject: 'one', ...validity }, nodes),
      two: forge({ subject: 'two', ...validity }, nodes),
    };
    this.#write('nodes.pem', pemCertificates([nodes.der]));
    this.#write('clock', '+0');
    // A test that is given up leaves nothing running.
    const end = (): void => this.#killAll();
    process.once('exit', end);
    this.#life.defer(async () => void process.off('exit', end));
  }

  static async open(options: HouseOptions = {}): Promise<House> {
    const house = new House(options, [await freePort(), await freePort()]);
    try {
      await house.cable.listen();
      await house.startServer();
      const place = { caller: house.parent('one'), service: house.parent('two'), port: house.#servicePort };
      await house.apply(...documentsOf(place));
      await Promise.all([house.startAgent('one'), house.startAgent('two')]);
      await house.start('service', 'service.child.ts', 'two');
      await house.start('caller', 'caller.child.ts', 'one');
      return house;
    } catch (error) {
      const logs = house.logs();
      await house.close();
      throw new TypeError(`the house does not stand: ${logs}`, { cause: error });
    }
  }

  get admin(): ReturnType<House['connectAdmin']> {
    this.#admin ??= this.#life.own(this.connectAdmin());
    return this.#admin;
  }

  /** The id of a node's agent, below which its entries hang. */
  parent(node: Node): string {
    return `spiffe://bank-a/spire/agent/x509pop/${createHash('sha1').update(this.#nodes[node].der).digest('hex')}`;
  }

  async apply(...documents: readonly object[]): Promise<void> {
    const documentsJson = documents.map((one) => JSON.stringify(one));
    const { problems } = await this.admin.apply({ documentsJson, dryRun: false });
    if (problems.length > 0) throw new TypeError(JSON.stringify(problems));
  }

  get servicePort(): number {
    return this.#servicePort;
  }

  connectAdmin() {
    return createClient(AdminDefinition, { socketPath: join(this.directory, 'server', 'admin.sock') });
  }

  supervisor(node: Node) {
    return createClient(SupervisorDefinition, { socketPath: this.#at(node, 'agent', 'admin', 'admin.sock') });
  }

  workloadSocket(node: Node): string {
    return this.#at(node, 'agent', 'workload.sock');
  }

  async startServer(): Promise<void> {
    mkdirSync(this.#at('server', 'data'), { recursive: true });
    const { webRoots } = this.#options;
    const config = {
      ...(webRoots === undefined ? {} : { webRoots: this.#write('roots.pem', webRoots) }),
      dataDir: this.#at('server', 'data'),
      adminSocket: this.#at('server', 'admin.sock'),
      sync: { host: '127.0.0.1', port: this.#syncPort },
      nodeAttestors: { 'bank-a': { x509pop: { caFile: this.#at('nodes.pem') } } },
    };
    await this.#spawn('server', ['src/server/main.ts', '--config', this.#write('server.json', JSON.stringify(config))]);
  }

  async startAgent(node: Node): Promise<void> {
    mkdirSync(this.#at(node, 'agent', 'admin'), { recursive: true });
    const { der, key } = this.#nodes[node];
    const certFile = this.#write(`${node}.pem`, pemCertificates([der]));
    const keyFile = this.#write(`${node}.key`, String(key.export({ type: 'pkcs8', format: 'pem' })));
    const bundle = JSON.parse((await this.admin.getBundle({ trustDomain: 'bank-a' })).bundleJson);
    const config = {
      node,
      workloadSocket: this.workloadSocket(node),
      adminSocket: this.#at(node, 'agent', 'admin', 'admin.sock'),
      dataDir: this.#at(node, 'data'),
      server: { host: '127.0.0.1', port: node === 'one' ? this.cable.port : this.#syncPort },
      trustDomains: [{ name: 'bank-a', nodeAttestor: { type: 'x509pop', certFile, keyFile }, bundle }],
    };
    const file = this.#write(`${node}.json`, JSON.stringify(config));
    await this.#spawn(`agent-${node}`, ['src/agent/main.ts', '--config', file]);
  }

  /** A program of this folder that uses the SDK. */
  start(name: string, program: string, node: Node): Promise<void> {
    return this.#spawn(name, [join('test', 'faults', program)], {
      HAUBERK_SOCKET: this.workloadSocket(node),
      HAUBERK_SERVICE: `bank-a/${name}`,
      HAUBERK_LISTEN: `127.0.0.1:${this.#servicePort}`,
      OTHER_SOCKET: this.workloadSocket('two'),
    });
  }

  /** A path of what the server keeps, as this process reaches it. */
  onServerDisk(name: string): string {
    return join(`/proc/${this.#processes.get('server')?.pid}/root`, this.#at('server', 'data', name));
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#processes.get(name)?.kill(signal);
  }

  async kill(name: string): Promise<void> {
    const child = this.#processes.get(name);
    child?.kill('SIGKILL');
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** Of every process at once, but the test's own: `+9h`, `-5m`, `+0`. */
  moveClock(offset: string): void {
    this.#write('clock', offset);
  }

  /** What the caller's calls have come to since it was asked last. */
  async tally(): Promise<Tally> {
    const caller = this.#processes.get('caller');
    if (caller?.connected !== true) throw new TypeError(`the caller has ended\n${this.logs()}`);
    const answered = once(caller, 'message', { signal: AbortSignal.timeout(ANSWER_MILLIS) });
    caller.send('tally');
    const [tally] = await answered;
    return tally;
  }

  /** Waits until everything that the caller asks for has been asked for. */
  async warm(): Promise<void> {
    for (let calls = 0; calls < 200; ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      calls += (await this.tally()).calls;
    }
    await this.tally();
  }

  /** One of the product's own commands, as an operator of node one. */
  async command(...args: readonly string[]): Promise<{ readonly status: number; readonly screen: string }> {
    const target = ['--run-dir', this.#at('one'), '--socket', this.#at('server', 'admin.sock')];
    const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), ...args, ...target], {
      env: this.#environment({}),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let screen = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (screen += String(chunk)));
    const [status] = await once(child, 'close');
    return { status, screen };
  }

  /** Health of an agent, and why. */
  async health(node: Node): Promise<{ readonly healthy: boolean; readonly code: string }> {
    let client = this.#clients.get(node);
    if (client === undefined) {
      client = this.#life.own(this.supervisor(node));
      this.#clients.set(node, client);
    }
    const { healthy, trustDomains } = await client.status({}, AbortSignal.timeout(2000));
    return { healthy, code: trustDomains[0]?.code ?? '' };
  }

  /** Waits until the agent of a node says so; returns how long it took, milliseconds. */
  async until(node: Node, health: 'red' | 'green', deadlineMillis = 60_000): Promise<number> {
    const start = performance.now();
    for (let last = ''; ; ) {
      const now = await this.health(node).catch((error) => ({ healthy: false, code: String(error) }));
      if (now.healthy === (health === 'green')) return performance.now() - start;
      last = now.code;
      if (performance.now() - start > deadlineMillis)
        throw new TypeError(`the agent of node ${node} did not turn ${health}: ${last}\n${this.logs()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  logs(): string {
    const file = this.#at('log');
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-6000) : '';
  }

  async close(): Promise<void> {
    await this.#life.close();
    this.#killAll();
    await this.cable.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #killAll(): void {
    for (const child of this.#processes.values()) child.kill('SIGKILL');
  }

  async #spawn(name: string, [program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const { serverDiskKb } = this.#options;
    const isOnDisk = name === 'server' && serverDiskKb !== undefined;
    const [run = '', ...words] = [
      ...(isOnDisk ? onDisk(serverDiskKb, this.#at('server', 'data')) : []),
      process.execPath,
      join(root, program),
      ...args,
    ];
    const child = spawn(run, words, {
      env: this.#environment(env),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#processes.set(name, child);
    child.stderr?.on('data', (chunk) => appendFileSync(this.#at('log'), `${name}: ${chunk}`));
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const timeout = setTimeout(() => child.kill('SIGKILL'), START_MILLIS);
    try {
      for await (const line of lines) {
        appendFileSync(this.#at('log'), `${name}: ${line}\n`);
        if (!line.includes('"ready":true')) continue;
        child.stdout?.resume();
        return;
      }
    } finally {
      clearTimeout(timeout);
    }
    throw new TypeError(`${name} did not start`);
  }

  #environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    if (this.#options.movable !== true) return { ...process.env, ...more };
    const clock = {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: this.#at('clock'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    return { ...process.env, ...clock, ...more };
  }

  #at(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  #write(name: string, text: string): string {
    writeFileSync(this.#at(name), text, { mode: 0o600 });
    return this.#at(name);
  }
}

/** Runs what follows with a file system of its own in a directory: others see it through `/proc/<pid>/root`. */
function onDisk(kilobytes: number, directory: string): readonly string[] {
  const script = `mount -t tmpfs -o mode=0700,size=${kilobytes}k tmpfs "$0" && exec "$@"`;
  return ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, directory];
}

/** True where this account may have a file system of its own. */
export function hasOwnDisks(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'hf-disk-'));
  const [run = '', ...args] = [...onDisk(64, directory), 'true'];
  const { status } = spawnSync(run, args);
  rmSync(directory, { recursive: true });
  return status === 0;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = Object(server.address()) as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
