import { Command } from 'commander';
import { withFederations } from '../federation/client.ts';
import { print, type TargetOptions, withTarget } from '../target.ts';

export function showBundleCommand(): Command {
  return withTarget(new Command('show'))
    .description('a bundle in SPIFFE’s format, as its endpoint serves it')
    .argument('<trust domain>', 'whose bundle')
    .option('--of <other>', 'what it knows of another trust domain, in place of its own')
    .action((trustDomain: string, options: TargetOptions & { readonly of?: string }) =>
      withFederations(options, async (client) => {
        const { document } = await client.showBundle({ trustDomain, other: options.of ?? '' });
        print(JSON.stringify(JSON.parse(document), undefined, 2));
      }),
    );
}
