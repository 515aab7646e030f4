import { Command } from 'commander';
import { parseDocument } from '#config';
import { Fault } from '#kernel';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';
import { type EntryWords, entryDocument } from './entry-document.ts';

/** Options are named after those of `spire-server entry create`. */
export function createEntryCommand(): Command {
  return withTarget(new Command('create'))
    .description('create an entry')
    .requiredOption('--spiffe-id <id>', 'identity to give')
    .requiredOption('--parent-id <id>', 'agent, or the node alias of its join token')
    .requiredOption('--selector <type:value...>', 'what must be seen of the process; all of them')
    .option('--entry-id <name>', 'name of the entry; made of its path when left out')
    .option('--owner <owner>', 'who answers for it')
    .option('--x509-svid-ttl <duration>', 'lifetime of its X509-SVIDs, such as 30m')
    .option('--jwt-svid-ttl <duration>', 'lifetime of its JWT-SVIDs, such as 5m')
    .option('--dns <name...>', 'DNS names in its X509-SVIDs')
    .option('--federates-with <trust domain...>', 'bundles that the workload is given too')
    .option('--hint <text>', 'tells the workload what this identity is for')
    .option('--entry-expiry <time>', 'from when it does not exist, such as 2030-01-31T00:00:00Z')
    .option('--admin', 'may call the administrative methods of the server')
    .option('--downstream', 'may ask for an intermediate authority')
    .option('--store-svid', 'for a secret store; never given to a workload that asks')
    .action((options: TargetOptions & EntryWords) =>
      withAdmin(options, async (admin) => {
        const document = entryDocument(options);
        parseDocument(document);
        const [planned] = await admin.apply([document], { dryRun: true });
        if (planned === undefined || planned.verb !== 'created')
          throw new Fault(
            'ALREADY_EXISTS',
            `there is an entry ${options.entryId ?? ''} already; change it with "hauberk entry apply"`,
          );
        const [change] = await admin.apply([document]);
        print(
          `created Entry ${planned.key} in ${planned.trustDomain} at revision ${change?.revision ?? planned.revision}`,
        );
      }),
    );
}
