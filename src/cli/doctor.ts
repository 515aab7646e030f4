import { type Stats, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '#kernel';
import { type AdminClient, table } from '#up';
import { type Check, examine, type Federated } from './doctor-checks.ts';
import { withFederations } from './federation/client.ts';
import { findRunDirectory, print, type TargetOptions, withAdmin, withSupervisor, withTarget } from './target.ts';

export function doctorCommand(): Command {
  return withTarget(new Command('doctor'))
    .description(
      'look at sockets, health, clocks, expiries and bundles of a running environment; exit status 69 when one fails',
    )
    .option('--json', 'as JSON')
    .action(async (options: TargetOptions & { readonly json?: true }) => {
      const checks = await doctor(options);
      const rows = checks.map(({ result, what, found }) => [result, what, found]);
      print(options.json === true ? JSON.stringify(checks, undefined, 2) : table([], rows));
      process.exitCode = checks.some(({ result }) => result === 'FAILED') ? 69 : 0;
    });
}

async function doctor(options: TargetOptions): Promise<readonly Check[]> {
  const directory = findRunDirectory(options);
  const sockets = await Promise.all([
    lookAt('server’s admin socket', options.socket ?? join(directory, 'server', 'admin.sock'), 0o770),
    lookAt('agent’s admin socket', join(directory, 'agent', 'admin', 'admin.sock'), 0o770),
    lookAt('agent’s workload socket', join(directory, 'agent', 'workload.sock'), 0o777),
  ]);
  if (sockets.some(({ result }) => result === 'FAILED')) return sockets;
  const agent = await withSupervisor(options, (supervisor) => supervisor.status());
  const rest = await withAdmin(options, async (admin) => {
    const server = await admin.status();
    const localNow = systemClock.now();
    const bundles = await Promise.all(server.trustDomains.map(({ name }) => bundlesOf(admin, name)));
    const federations = await federationsOf(options, server.trustDomains);
    return examine({ localNow, serverNow: Number(server.now), server, agent, bundles, federations });
  });
  return [...sockets, ...rest];
}

function federationsOf(
  options: TargetOptions,
  trustDomains: readonly { readonly name: string }[],
): Promise<readonly Federated[]> {
  return withFederations(options, async (client) => {
    const all = trustDomains.map(async ({ name }) => {
      const { relationships } = await client.list({ trustDomain: name });
      return relationships.map(({ trustDomain: other, ...rest }) => ({ ...rest, trustDomain: name, other }));
    });
    return (await Promise.all(all)).flat();
  });
}

async function bundlesOf(admin: AdminClient, trustDomain: string) {
  const [own, all] = await Promise.all([admin.bundle(trustDomain), admin.list('Bundle')]);
  const held = all
    .filter((bundle) => Object(bundle).trustDomain === trustDomain)
    .map((bundle) => JSON.stringify(bundle));
  return { trustDomain, own: JSON.stringify(own), held };
}

async function lookAt(what: string, path: string, mode: number): Promise<Check> {
  const stats = statsOf(path);
  if (stats === 'refused') return { result: 'FAILED', what, found: `${path}: this user may not look there` };
  if (stats === undefined) return { result: 'FAILED', what, found: `${path} is not there` };
  if (!stats.isSocket()) return { result: 'FAILED', what, found: `${path} is no socket` };
  const found = `${path}, mode ${(stats.mode & 0o777).toString(8)}`;
  if ((stats.mode & 0o777 & ~mode) !== 0)
    return { result: 'FAILED', what, found: `${found}: open to more than it should be` };
  return (await answers(path))
    ? { result: 'ok', what, found }
    : { result: 'FAILED', what, found: `nobody listens at ${path}` };
}

function statsOf(path: string): Stats | 'refused' | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (Object(error).code === 'EACCES') return 'refused';
    throw error;
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
