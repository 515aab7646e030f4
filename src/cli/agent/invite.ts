import { Command } from 'commander';
import { findDurationSeconds } from '#config';
import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

interface Options extends TargetOptions {
  readonly spiffeId?: string;
  readonly expiresIn: string;
}

/** Prints what the configuration of an agent has in `trustDomains`; a secret, for it holds a join token. */
export function inviteAgentCommand(): Command {
  return withTarget(new Command('invite'))
    .description(
      'make a join token for one agent; prints its trust domain as "trustDomains" of its configuration has it',
    )
    .argument('<trust domain>', 'that the agent is to serve')
    .option('--spiffe-id <id>', 'the agent is known by this too: what entries name as parent')
    .option('--expires-in <duration>', 'until when the token has to be used, at most 24h', '10m')
    .action((trustDomain: string, options: Options) =>
      withAdmin(options, async (admin) => {
        const seconds = findDurationSeconds(options.expiresIn);
        if (seconds === undefined) throw new Fault('ARGUMENT_INVALID', '--expires-in is a duration such as 30m or 12h');
        const alias = options.spiffeId === undefined ? '' : SpiffeId.parse(options.spiffeId).toString();
        print(JSON.stringify(await admin.joinMaterial(trustDomain, alias, seconds), undefined, 2));
      }),
    );
}
