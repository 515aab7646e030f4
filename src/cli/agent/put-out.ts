import { Command } from 'commander';
import { AgentsDefinition } from '#wire/gen/hauberk_agents';
import { print, type TargetOptions, withServer, withTarget } from '../target.ts';

const VERBS = {
  ban: { done: 'banned', description: 'end the connections of an agent, and keep it out until it is evicted' },
  evict: {
    done: 'evicted',
    description: 'end the connections of an agent and forget it, a ban too: it may attest again',
  },
} as const;

export function putOutAgentCommand(verb: keyof typeof VERBS): Command {
  const { done, description } = VERBS[verb];
  return withTarget(new Command(verb))
    .description(description)
    .argument('<id>', 'SPIFFE ID of the agent, as "list" shows it')
    .action((id: string, options: TargetOptions) =>
      withServer(AgentsDefinition, options, async (client) => {
        await client[verb]({ id });
        print(`${done} ${id}`);
      }),
    );
}
