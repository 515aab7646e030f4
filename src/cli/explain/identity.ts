import { Command } from 'commander';
import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';
import type { AdminClient } from '#up';
import type { EntryResource } from '#wire';
import { nearestId } from '../entry/lint-rules.ts';
import { print, type TargetOptions, withAdmin, withSupervisor, withTarget } from '../target.ts';

interface Options extends TargetOptions {
  readonly pid?: string;
  readonly spiffeId?: string;
}

export function explainIdentityCommand(): Command {
  return withTarget(new Command('identity'))
    .description('which identity a process is given and what it lacks for others, or who is given an identity')
    .option('--pid <number>', 'a process of this machine: its selectors, its identities, the nearest entries')
    .option(
      '--spiffe-id <id>',
      'an identity: its entries, the agents that have them, since which revision, the last use',
    )
    .action(async (options: Options) => {
      const { pid, spiffeId } = options;
      if ((pid === undefined) === (spiffeId === undefined))
        throw new Fault('ARGUMENT_INVALID', 'say one of --pid and --spiffe-id');
      const lines = pid === undefined ? await ofIdentity(options, spiffeId ?? '') : await ofProcess(options, pid);
      print(lines.join('\n'));
    });
}

async function ofProcess(options: Options, text: string): Promise<readonly string[]> {
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (pid === 0) throw new Fault('ARGUMENT_INVALID', '--pid takes the number of a process');
  const { selectors, matching, nearest, agent } = await withSupervisor(options, async (supervisor) => ({
    ...(await supervisor.explain(pid)),
    agent: await supervisor.status(),
  }));
  const near = nearest.filter(({ missing }) => missing.length > 0);
  return [
    `selectors seen of process ${pid}:`,
    ...selectors.map((selector) => `  ${selector}`),
    matching.length === 0 ? 'it is given no identity' : 'it is given:',
    ...matching.map((id) => `  ${id}`),
    ...(near.length === 0 ? [] : ['nearest other entries:']),
    ...near.map(({ spiffeId, entryId, missing }) => `  ${spiffeId} (${entryId}) lacks ${missing.join(' ')}`),
    'this agent knows:',
    ...agent.trustDomains.map(({ name, state, revision }) => `  ${name} at revision ${revision} (${state})`),
  ];
}

function ofIdentity(options: Options, text: string): Promise<readonly string[]> {
  const id = SpiffeId.parse(text);
  return withAdmin(options, async (admin) => {
    const entries = (await admin.list('Entry', id.trustDomain)) as readonly EntryResource[];
    const own = entries.filter(({ spiffeId }) => spiffeId === id.toString());
    if (own.length > 0) return (await Promise.all(own.map((entry) => describe(admin, id.trustDomain, entry)))).flat();
    const nearest = nearestId(id.toString(), entries);
    return [
      `no entry of ${id.trustDomain} gives ${id}`,
      ...(nearest === undefined ? [] : [`nearest: ${nearest}`]),
      'fix: hauberk entry create --spiffe-id … --parent-id … --selector …',
    ];
  });
}

async function describe(admin: AdminClient, trustDomain: string, entry: EntryResource): Promise<readonly string[]> {
  const [status, uses, changes, issued] = await Promise.all([
    admin.status(),
    admin.entryUses(trustDomain),
    admin.receipts({ limit: 1000, kind: 'registry' }),
    admin.receipts({ limit: 1000, kind: 'identity' }),
  ]);
  const change = changes.find((one) => one.trustDomain === trustDomain && one.resource === entry.id);
  const revision = Number(change?.detail?.revision ?? Number.NaN);
  const last = issued.find(({ detail }) => detail?.entry === entry.id);
  const used = uses.get(entry.id);
  const connected = status.trustDomains.find(({ name }) => name === trustDomain)?.connected ?? [];
  const agents = connected.filter(({ id, alias }) => id === entry.parentId || alias === entry.parentId);
  return [
    `${entry.spiffeId}, by the entry ${entry.id}`,
    `  selectors: ${entry.selectors.join(' ')}`,
    `  parent: ${entry.parentId}`,
    `  owner: ${entry.owner ?? 'nobody is named'}`,
    Number.isNaN(revision)
      ? '  changed: longer ago than the newest receipts tell'
      : `  changed: at revision ${revision}, ${change?.startedAt}, by ${change?.proof ?? '?'}`,
    ...agents.map(({ id, acknowledged }) => `  agent ${id} ${holds(Number(acknowledged), revision)}`),
    ...connected.flatMap(({ id, points }) =>
      points
        .filter((one) => one.spiffeId === entry.spiffeId)
        .map((one) => `  ${one.points} of it enforce behind ${id}: ${applied(Number(one.revision))}`),
    ),
    ...(agents.length === 0 ? ['  no agent that is connected is its parent: nobody can be given it now'] : []),
    last === undefined
      ? '  issued: not among the newest receipts'
      : `  issued: ${last.startedAt}, until ${String(last.detail?.notAfter)}`,
    `  last use: ${used === undefined ? 'none on record' : new Date(used * 1000).toISOString()}`,
  ];
}

function holds(acknowledged: number, revision: number): string {
  if (Number.isNaN(revision) || acknowledged >= revision) return `has it (it acknowledged revision ${acknowledged})`;
  return `has not heard of it yet (it acknowledged revision ${acknowledged})`;
}

function applied(revision: number): string {
  return revision === 0
    ? 'nothing is applied yet'
    : `what changed for it last, or before, was applied at revision ${revision}`;
}
