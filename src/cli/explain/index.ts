import { Command } from 'commander';
import { explainIdentityCommand } from './identity.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .description('why things are as they are')
    .addCommand(explainIdentityCommand().exitOverride());
}
