import { Command, Option } from 'commander';
import { parseDocument } from '#config';
import { Fault } from '#kernel';
import { setBundleFromFile } from '../bundle/set.ts';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

interface Options extends TargetOptions {
  readonly url: string;
  readonly profile: 'https_web' | 'https_spiffe';
  readonly endpointSpiffeId?: string;
  readonly bundle?: string;
  readonly owner?: string;
}

export function createFederationCommand(): Command {
  return withTarget(new Command('create'))
    .description('federate with another trust domain, or change how')
    .argument('<trust domain>', 'whose relationship')
    .argument('<other>', 'the trust domain to federate with')
    .requiredOption('--url <url>', 'its bundle endpoint')
    .addOption(
      new Option('--profile <profile>', 'how the endpoint proves itself')
        .choices(['https_web', 'https_spiffe'])
        .default('https_web'),
    )
    .option('--endpoint-spiffe-id <id>', 'for https_spiffe: the one SPIFFE ID of the endpoint')
    .option('--bundle <file>', 'for https_spiffe: a first bundle of the other trust domain, in SPIFFE’s format')
    .option('--owner <owner>', 'who answers for it')
    .action(async (trustDomain: string, other: string, options: Options) => {
      const document = federationDocument(trustDomain, other, options);
      parseDocument(document);
      if (options.bundle !== undefined) await setBundleFromFile(options, trustDomain, other, options.bundle);
      await withAdmin(options, async (admin) => {
        const [change] = await admin.apply([document]);
        print(
          change === undefined
            ? 'nothing to change'
            : `${change.verb} Federation ${change.key} at revision ${change.revision}`,
        );
      });
    });
}

function federationDocument(trustDomain: string, name: string, options: Options): object {
  const { profile, endpointSpiffeId, url, owner } = options;
  if ((profile === 'https_spiffe') !== (endpointSpiffeId !== undefined))
    throw new Fault('ARGUMENT_INVALID', '--endpoint-spiffe-id goes with --profile https_spiffe');
  return {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Federation',
    metadata: { name, trustDomain, ...(owner === undefined ? {} : { owner }) },
    spec: {
      bundleEndpointUrl: url,
      bundleEndpointProfile: { type: profile, ...(endpointSpiffeId === undefined ? {} : { endpointSpiffeId }) },
    },
  };
}
