import { Command } from 'commander';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

export function deleteEntryCommand(): Command {
  return withTarget(new Command('delete'))
    .description('delete an entry')
    .requiredOption('--trust-domain <name>', 'trust domain of the entry')
    .argument('<name>', 'name of the entry')
    .action((name: string, options: TargetOptions & { readonly trustDomain: string }) =>
      withAdmin(options, async (admin) => {
        const revision = await admin.remove('Entry', options.trustDomain, name);
        print(`deleted Entry ${name} at revision ${revision}`);
      }),
    );
}
