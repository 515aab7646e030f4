import { Command } from 'commander';
import { table } from '#up';
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
        print(options.json === true ? JSON.stringify(entries, undefined, 2) : table(HEADS, entries.map(row)));
      }),
    );
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
