import type { Command } from 'commander';
import { inviteAgentCommand } from './invite.ts';
import { listAgentsCommand } from './list.ts';
import { putOutAgentCommand } from './put-out.ts';

/** What operators do with agents, below the command that runs one. */
export function withAgentVerbs(command: Command): Command {
  for (const verb of [
    listAgentsCommand(),
    inviteAgentCommand(),
    putOutAgentCommand('ban'),
    putOutAgentCommand('evict'),
  ])
    command.addCommand(verb.exitOverride());
  return command;
}
