import { Command } from 'commander';
import { createFederationCommand } from './create.ts';
import { deleteFederationCommand } from './delete.ts';
import { listFederationsCommand } from './list.ts';
import { refreshFederationCommand } from './refresh.ts';

export function federationCommand(): Command {
  const noun = new Command('federation').description('relationships with other trust domains');
  const verbs = [
    listFederationsCommand(),
    createFederationCommand(),
    refreshFederationCommand(),
    deleteFederationCommand(),
  ];
  for (const verb of verbs) noun.addCommand(verb.exitOverride());
  return noun;
}
