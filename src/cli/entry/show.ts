import { Command } from 'commander';
import { Fault } from '#kernel';
import type { EntryResource } from '#wire';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

export function showEntryCommand(): Command {
  return withTarget(new Command('show'))
    .description('show one entry whole, as JSON')
    .requiredOption('--trust-domain <name>', 'trust domain of the entry')
    .argument('<name>', 'name of the entry')
    .action((name: string, options: TargetOptions & { readonly trustDomain: string }) =>
      withAdmin(options, async (admin) => {
        const entries = (await admin.list('Entry', options.trustDomain)) as readonly EntryResource[];
        const found = entries.find(({ id }) => id === name);
        if (found === undefined)
          throw new Fault('NOT_FOUND', `${options.trustDomain} has no entry ${name}; see "hauberk entry list"`);
        const used = (await admin.entryUses(options.trustDomain)).get(name);
        const lastUsed = used === undefined ? 'never' : new Date(used * 1000).toISOString();
        print(JSON.stringify({ ...found, lastUsed }, undefined, 2));
      }),
    );
}
