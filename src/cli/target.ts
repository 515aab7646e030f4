import { join } from 'node:path';
import type { Command } from 'commander';
import { type Closeable, Fault, LIMITS } from '#kernel';
import {
  type AdminClient,
  connectAdmin,
  connectSupervisor,
  findLiveRunDirectories,
  readUpEnvironment,
  runRoot,
  type SupervisorClient,
  visible,
} from '#up';
import { type Client, createGrpcClient, dialUnix, type ServiceDefinition } from '#wire';

export interface TargetOptions {
  readonly runDir?: string;
  readonly socket?: string;
}

/** Adds the options that say which running environment a command talks to. */
export function withTarget(command: Command): Command {
  return command
    .option('--run-dir <directory>', 'run directory of "hauberk up" (default: HAUBERK_RUN_DIR, or the only live one)')
    .option('--socket <path>', 'admin socket of the server');
}

/** Throws `NOT_FOUND` when nothing runs and `ARGUMENT_INVALID` when several do. */
export function findRunDirectory({ runDir }: TargetOptions): string {
  const named = runDir ?? process.env.HAUBERK_RUN_DIR;
  if (named) return named;
  const root = runRoot(readUpEnvironment());
  const [only, ...more] = findLiveRunDirectories(root);
  if (only === undefined)
    throw new Fault('NOT_FOUND', `no "hauberk up" runs below ${root}; start one, or name it with --run-dir`);
  if (more.length > 0)
    throw new Fault('ARGUMENT_INVALID', `several run (${[only, ...more].join(', ')}): choose one with --run-dir`);
  return only;
}

/** The server's admin socket. Throws as `findRunDirectory`. */
export function findServerSocket(options: TargetOptions): string {
  return options.socket ?? join(findRunDirectory(options), 'server', 'admin.sock');
}

/** Talks to the server's admin service for the time of `use`. */
export function withAdmin<T>(options: TargetOptions, use: (admin: AdminClient) => Promise<T>): Promise<T> {
  return during(connectAdmin(findServerSocket(options)), use);
}

/** Talks to another service on the server's admin socket for the time of `use`. */
export function withServer<D extends ServiceDefinition, T>(
  definition: D,
  options: TargetOptions,
  use: (client: Client<D>) => Promise<T>,
): Promise<T> {
  const socket = findServerSocket(options);
  const answerBytes = LIMITS.operatorMessageBytes.value;
  return during(createGrpcClient(definition, { dial: () => dialUnix(socket), answerBytes }), use);
}

/** Talks to the agent's admin socket for the time of `use`. */
export function withSupervisor<T>(
  options: TargetOptions,
  use: (supervisor: SupervisorClient) => Promise<T>,
): Promise<T> {
  return during(connectSupervisor(join(findRunDirectory(options), 'agent', 'admin', 'admin.sock')), use);
}

async function during<C extends Closeable, T>(client: C, use: (client: C) => Promise<T>): Promise<T> {
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

export function print(text: string): void {
  process.stdout.write(`${text.split('\n').map(visible).join('\n')}\n`);
}
