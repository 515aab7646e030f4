import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { Fault } from '#kernel';
import { connectSupervisor, type SupervisorClient, spawnChild } from '#up';
import { findRunDirectory, type TargetOptions, withTarget } from './target.ts';

export function runCommand(): Command {
  return withTarget(new Command('run'))
    .description('run a program with the identity of a service')
    .requiredOption('--as <service>', 'service as <namespace>/<name>')
    .argument('<command...>', 'program and its arguments, after --')
    .passThroughOptions()
    .action(async (command: string[], options: TargetOptions & { readonly as: string }) => {
      process.exitCode = await run(command, options.as, findRunDirectory(options));
    });
}

async function run(command: readonly string[], service: string, runDirectory: string): Promise<number> {
  if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(service)) throw new Fault('ARGUMENT_INVALID', '--as takes <namespace>/<name>');
  const supervisor = connectSupervisor(join(runDirectory, 'agent', 'admin', 'admin.sock'));
  const child = await spawnChild({
    name: service.replace('/', '-'),
    command,
    cwd: process.cwd(),
    env: {
      ...stringsOf(process.env),
      ...identityEnvironment(runDirectory, service),
    },
    stdout: 'inherit',
    stdin: 'inherit',
  });
  try {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void child.stop());
    await supervisor.register(child.pid, service);
    await warnWithoutIdentity(supervisor, child.pid, service);
    child.go();
    const { status, signal } = await child.exited;
    return status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    await child.stop();
    await supervisor.close();
  }
}

/** `SPIFFE_ENDPOINT_SOCKET` is where any SPIFFE library looks (SPIFFE Workload Endpoint §4). */
export function identityEnvironment(runDirectory: string, service: string): Readonly<Record<string, string>> {
  const socket = resolve(runDirectory, 'agent', 'workload.sock');
  return { HAUBERK_SOCKET: socket, SPIFFE_ENDPOINT_SOCKET: `unix://${socket}`, HAUBERK_SERVICE: service };
}

/** A program without an identity may be what is wanted, so it runs; that it has none should surprise nobody. */
async function warnWithoutIdentity(supervisor: SupervisorClient, pid: number, service: string): Promise<void> {
  const { matching, nearest } = await supervisor.explain(pid);
  if (matching.length > 0) return;
  const [near] = nearest;
  const hint = near === undefined ? '' : `; the nearest gives ${near.spiffeId} and asks for ${near.missing.join(' ')}`;
  process.stderr.write(`hauberk: no entry gives ${service} an identity${hint}\n`);
}

function stringsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
