// SPIRE's own programs, as published: looked for, never built here (they take minutes to compile).
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Spire } from '../../../src/server/spire/spire.harness.ts';

const places = [process.env.SPIRE_BIN, '/opt/spire', '/opt/spire/bin', ...(process.env.PATH ?? '').split(delimiter)];
const directory = places.find((place) => place !== undefined && existsSync(join(place, 'spire-agent')));

/** What `test(..., { skip })` takes. */
export const skip: false | string =
  directory === undefined ? 'spire-agent and spire-server are not installed (PATH, SPIRE_BIN or /opt/spire)' : false;

/** Path of a stock program. */
export function program(name: 'spire-agent' | 'spire-server'): string {
  return join(directory ?? '', name);
}

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs one command of a stock program to its end. */
export function run(program: 'spire-agent' | 'spire-server', args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(join(directory ?? '', program), args, { timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

/** `spire-server` on the admin socket of the harness's trust domain. */
export function cli(spire: Spire): (...args: readonly string[]) => Promise<Ran> {
  const socket = spire.server.spire('bank-a')?.socket ?? '';
  return (...args) => run('spire-server', [...args, '-socketPath', socket]);
}

export interface StockAgent {
  readonly socket: string;
  /** Asks the agent until it answers with success, or until its process has ended. */
  fetch(...args: readonly string[]): Promise<Ran>;
  /** Exit code, once the process has ended. */
  ended(): Promise<number>;
}

/** Runs a stock agent with a node attestor of its own, until `use` is done. */
export async function withAgent(
  spire: Spire,
  attestor: { readonly name: string; readonly data: string; readonly joinToken?: string },
  use: (agent: StockAgent) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'stock-'));
  const { host, port } = spire.server.spire('bank-a')?.tls ?? { host: '', port: 0 };
  const bundle = join(home, 'bundle.pem');
  writeFileSync(bundle, (await cli(spire)('bundle', 'show')).output);
  mkdirSync(join(home, 'data'));
  const socket = join(home, 'agent.sock');
  const config = join(home, 'agent.conf');
  writeFileSync(
    config,
    `agent {
      data_dir = "${home}/data"
      server_address = "${host}"
      server_port = ${port}
      socket_path = "${socket}"
      trust_bundle_path = "${bundle}"
      trust_domain = "bank-a"
      ${attestor.joinToken === undefined ? '' : `join_token = "${attestor.joinToken}"`}
    }
    plugins {
      NodeAttestor "${attestor.name}" { plugin_data { ${attestor.data} } }
      KeyManager "memory" { plugin_data {} }
      WorkloadAttestor "unix" { plugin_data {} }
    }`,
  );
  const child = spawn(join(directory ?? '', 'spire-agent'), ['run', '-config', config], { stdio: 'pipe' });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => log.push(String(chunk)));
  try {
    await use({ socket, fetch: (...args) => fetchOf(child, socket, args, log), ended: () => endOf(child) });
  } finally {
    child.kill('SIGKILL');
    await endOf(child);
    rmSync(home, { recursive: true });
  }
}

/** Runs a stock server below ours, by the identity of a workload of `agent`, until `use` is done. */
export async function withServerBelow(
  spire: Spire,
  agent: StockAgent,
  use: (command: (...args: readonly string[]) => Promise<Ran>, log: () => string) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'below-'));
  const { host, port } = spire.server.spire('bank-a')?.tls ?? { host: '', port: 0 };
  const [socket, config] = [join(home, 'api.sock'), join(home, 'server.conf')];
  writeFileSync(
    config,
    `server {
      bind_address = "127.0.0.1"
      bind_port = "${await freePort()}"
      socket_path = "${socket}"
      trust_domain = "bank-a"
      data_dir = "${home}"
    }
    plugins {
      DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${home}/db" } }
      KeyManager "memory" { plugin_data {} }
      NodeAttestor "join_token" { plugin_data {} }
      UpstreamAuthority "spire" { plugin_data {
        server_address = "${host}"
        server_port = "${port}"
        workload_api_socket = "${agent.socket}"
      } }
    }`,
  );
  const child = spawn(join(directory ?? '', 'spire-server'), ['run', '-config', config], { stdio: 'pipe' });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => log.push(String(chunk)));
  const command = async (...args: readonly string[]): Promise<Ran> => {
    for (;;) {
      const ran = await run('spire-server', [...args, '-socketPath', socket]);
      if (ran.code === 0 || child.exitCode !== null) return ran;
    }
  };
  try {
    await use(command, () => log.join('').slice(-3000));
  } finally {
    child.kill('SIGKILL');
    await endOf(child);
    rmSync(home, { recursive: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function fetchOf(
  child: ChildProcess,
  socket: string,
  args: readonly string[],
  log: readonly string[],
): Promise<Ran> {
  for (;;) {
    const ran = await run('spire-agent', ['api', ...args, '-socketPath', socket]);
    if (ran.code === 0) return ran;
    if (child.exitCode !== null) return { code: ran.code, output: log.join('').slice(-3000) };
  }
}

async function endOf(child: ChildProcess): Promise<number> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? -1;
}
