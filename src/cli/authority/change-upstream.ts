import { Command } from 'commander';
import { print, type TargetOptions, withTarget } from '../target.ts';
import { withAuthorities } from './client.ts';

const DESCRIPTIONS = {
  taint: 'have everything below a root of the upstream replaced, once the active CA is below another',
  revoke: 'take a tainted root of the upstream out of the bundle',
};

export function changeUpstreamCommand(verb: 'taint' | 'revoke'): Command {
  return withTarget(new Command(`${verb}-upstream`))
    .description(DESCRIPTIONS[verb])
    .argument('<trust domain>', 'whose upstream')
    .argument('<subject key id>', 'of the root, as "show" names it beside a CA')
    .action((trustDomain: string, subjectKeyId: string, options: TargetOptions) =>
      withAuthorities(options, async (client) => {
        await client[verb === 'taint' ? 'taintUpstream' : 'revokeUpstream']({ trustDomain, subjectKeyId });
        print(`${verb === 'taint' ? 'tainted' : 'revoked'} upstream authority ${subjectKeyId}`);
      }),
    );
}
