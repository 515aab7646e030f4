import { join } from 'node:path';
import type { Command } from 'commander';
import { Fault } from '#kernel';
import {
  type AdminClient,
  connectAdmin,
  connectSupervisor,
  findLiveRunDirectories,
  readUpEnvironment,
  runRoot,
  type SupervisorClient,
} from '#up';

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

/** Talks to the server's admin socket for the time of `use`. */
export async function withAdmin<T>(options: TargetOptions, use: (admin: AdminClient) => Promise<T>): Promise<T> {
  const admin = connectAdmin(options.socket ?? join(findRunDirectory(options), 'server', 'admin.sock'));
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}

/** Talks to the agent's admin socket for the time of `use`. */
export async function withSupervisor<T>(
  options: TargetOptions,
  use: (supervisor: SupervisorClient) => Promise<T>,
): Promise<T> {
  const supervisor = connectSupervisor(join(findRunDirectory(options), 'agent', 'admin', 'admin.sock'));
  try {
    return await use(supervisor);
  } finally {
    await supervisor.close();
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
