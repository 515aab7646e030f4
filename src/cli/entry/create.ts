import { Command } from 'commander';
import { parseDocument } from '#config';
import { randomHex, systemRandom } from '#kernel';
import { SpiffeId } from '#spiffe';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

interface Options extends TargetOptions {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selector: readonly string[];
  readonly name?: string;
  readonly ttl?: string;
  readonly dns?: readonly string[];
  readonly federatesWith?: readonly string[];
  readonly owner?: string;
}

export function createEntryCommand(): Command {
  return withTarget(new Command('create'))
    .description('create an entry')
    .requiredOption('--spiffe-id <id>', 'identity to give')
    .requiredOption('--parent-id <id>', 'agent, or the node alias of its join token')
    .requiredOption('--selector <type:value...>', 'what must be seen of the process; all of them')
    .option('--name <name>', 'name of the entry')
    .option('--ttl <duration>', 'lifetime of its X509-SVIDs, such as 30m')
    .option('--dns <name...>', 'DNS names')
    .option('--federates-with <trust domain...>', 'bundles that the workload is given too')
    .option('--owner <owner>', 'who answers for it')
    .action((options: Options) =>
      withAdmin(options, async (admin) => {
        const document = entryDocument(options);
        parseDocument(document);
        const [change] = await admin.apply([document]);
        print(
          change === undefined
            ? 'nothing to change'
            : `${change.verb} Entry ${change.key} at revision ${change.revision}`,
        );
      }),
    );
}

function entryDocument(options: Options): object {
  const { trustDomain, path } = SpiffeId.parse(options.spiffeId);
  const derived = `${path
    .slice(1)
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')}-${randomHex(systemRandom, 4)}`;
  return {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Entry',
    metadata: { name: options.name ?? derived, trustDomain, ...given('owner', options.owner) },
    spec: {
      spiffeId: options.spiffeId,
      parentId: options.parentId,
      selectors: options.selector,
      ...given('x509SvidLifetime', options.ttl),
      ...given('dnsNames', options.dns),
      ...given('federatesWith', options.federatesWith),
    },
  };
}

function given(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value };
}
