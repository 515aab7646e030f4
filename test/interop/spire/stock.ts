// SPIRE's own programs, as published: looked for, never built here (they take minutes to compile).
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import type { Spire } from '../../../src/server/spire/spire.harness.ts';

type Program = 'spire-agent' | 'spire-server' | 'spire-controller-manager';

const places = [process.env.SPIRE_BIN, '/opt/spire', '/opt/spire/bin', ...(process.env.PATH ?? '').split(delimiter)];

function find(program: Program): string | undefined {
  const directory = places.find((place) => place !== undefined && existsSync(join(place, program)));
  return directory === undefined ? undefined : join(directory, program);
}

/** What `test(..., { skip })` takes when a test needs these programs. */
export function skipWithout(...programs: readonly Program[]): false | string {
  const missing = programs.filter((program) => find(program) === undefined);
  return missing.length === 0 ? false : `${missing.join(' and ')} not installed (PATH, SPIRE_BIN or /opt/spire)`;
}

export const skip: false | string = skipWithout('spire-agent', 'spire-server');

export interface Ran {
  readonly code: number;
  readonly output: string;
}

export type Cli = (...args: readonly string[]) => Promise<Ran>;

/** Runs one command of a stock program to its end. */
export function run(program: Program, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { timeout: 30_000, env: { ...process.env, ...env } };
    execFile(find(program) ?? '', args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

/** `spire-server` on the admin socket of the harness's trust domain. */
export function cli(spire: Spire): Cli {
  return (...args) => run('spire-server', [...args, '-socketPath', spire.server.spire('bank-a')?.socket ?? '']);
}

/** The output of a command that must succeed. */
export async function succeeds(running: Promise<Ran>): Promise<string> {
  const { code, output } = await running;
  if (code !== 0) throw new Error(`exit code ${code}: ${output}`);
  return output;
}

export interface Running {
  readonly child: ChildProcess;
  /** The newest of what it wrote. */
  log(): string;
  /** Exit code, once the process has ended. */
  ended(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a stock program that stays. */
export function start(program: Program, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(find(program) ?? '', args, { stdio: 'pipe', env: { ...process.env, ...env } });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      log = `${log}${chunk}`.slice(-20_000);
    });
  const ended = async (): Promise<number> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode ?? -1;
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended();
  };
  return { child, log: () => log, ended, stop };
}

/** Asks again until `holds`; fails once a minute has passed. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    // Sockets of this process have their turn too.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
