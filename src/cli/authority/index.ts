import { Command } from 'commander';
import { changeAuthorityCommand } from './change.ts';
import { changeUpstreamCommand } from './change-upstream.ts';
import { prepareAuthorityCommand } from './prepare.ts';
import { showAuthoritiesCommand } from './show.ts';

export function authorityCommand(): Command {
  const noun = new Command('authority').description('the keys that sign the SVIDs of a trust domain');
  const verbs = [
    showAuthoritiesCommand(),
    prepareAuthorityCommand('prepare'),
    changeAuthorityCommand('activate'),
    prepareAuthorityCommand('rotate'),
    changeAuthorityCommand('taint'),
    changeAuthorityCommand('revoke'),
    changeUpstreamCommand('taint'),
    changeUpstreamCommand('revoke'),
  ];
  for (const verb of verbs) noun.addCommand(verb.exitOverride());
  return noun;
}
