import { Command } from 'commander';
import { print, type TargetOptions, withTarget } from '../target.ts';
import { withFederations } from './client.ts';

export function refreshFederationCommand(): Command {
  return withTarget(new Command('refresh'))
    .description('fetch the bundle of another trust domain now')
    .argument('<trust domain>', 'whose relationship')
    .argument('<other>', 'the trust domain that it federates with')
    .action((trustDomain: string, other: string, options: TargetOptions) =>
      withFederations(options, async (client) => {
        const { sequence } = await client.refresh({ trustDomain, other });
        print(`bundle of ${other} is at sequence ${sequence}`);
      }),
    );
}
