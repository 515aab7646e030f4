import { Command } from 'commander';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

export function deleteFederationCommand(): Command {
  return withTarget(new Command('delete'))
    .description('end a relationship; the bundle that is known stays until it is deleted too')
    .argument('<trust domain>', 'whose relationship')
    .argument('<other>', 'the trust domain that it federates with')
    .action((trustDomain: string, other: string, options: TargetOptions) =>
      withAdmin(options, async (admin) => {
        const revision = await admin.remove('Federation', trustDomain, other);
        print(`deleted Federation ${other} at revision ${revision}`);
      }),
    );
}
