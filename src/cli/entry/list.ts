import { Command } from 'commander';
import { Fault } from '#kernel';
import { type AdminClient, table } from '#up';
import type { EntryResource } from '#wire';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

export function listEntriesCommand(): Command {
  return withTarget(new Command('list'))
    .description('list entries')
    .option('--trust-domain <name>', 'of one trust domain')
    .option('--json', 'as JSON')
    .action((options: TargetOptions & { readonly trustDomain?: string; readonly json?: true }) =>
      withAdmin(options, async (admin) => {
        const entries = await admin.list('Entry', options.trustDomain ?? '');
        if (entries.length === 0 && options.trustDomain !== undefined) await assertHosted(admin, options.trustDomain);
        print(options.json === true ? JSON.stringify(entries, undefined, 2) : table(HEADS, entries.map(row)));
      }),
    );
}

/** An empty list of a trust domain that does not exist would look like an answer. */
async function assertHosted(admin: AdminClient, trustDomain: string): Promise<void> {
  const names = (await admin.status()).trustDomains.map(({ name }) => name);
  if (names.includes(trustDomain)) return;
  throw new Fault('NOT_FOUND', `no trust domain ${trustDomain} is hosted here; there are ${names.join(', ')}`);
}

const HEADS = ['name', 'spiffe id', 'parent', 'selectors'];

/** The admin API lists documents or bare resources; both name the same fields. */
function row(json: unknown): readonly string[] {
  const { metadata, spec, ...bare } = Object(json) as {
    metadata?: { name?: string };
    spec?: Partial<EntryResource>;
  } & Partial<EntryResource>;
  const entry = spec ?? bare;
  return [
    metadata?.name ?? bare.id ?? '-',
    entry.spiffeId ?? '-',
    entry.parentId ?? '-',
    (entry.selectors ?? []).join(' '),
  ];
}
