import { Command } from 'commander';
import { table } from '#up';
import { type Agent, AgentsDefinition } from '#wire/gen/hauberk_agents';
import { print, type TargetOptions, withServer, withTarget } from '../target.ts';

export function listAgentsCommand(): Command {
  return withTarget(new Command('list'))
    .description('agents that have attested')
    .argument('<trust domain>', 'whose agents')
    .option('--json', 'as JSON')
    .action((trustDomain: string, options: TargetOptions & { readonly json?: true }) =>
      withServer(AgentsDefinition, options, async (client) => {
        const { agents } = await client.list({ trustDomain });
        const shown = agents.map(toJson);
        print(options.json === true ? JSON.stringify(shown, undefined, 2) : table(HEADS, shown.map(row)));
      }),
    );
}

const HEADS = ['agent', 'alias', 'attested by', 'state', 'certificate until'];

function row(agent: ReturnType<typeof toJson>): readonly string[] {
  const state = agent.connected ? 'connected' : 'away';
  return [agent.id, agent.alias, agent.attestationType, agent.banned ? 'banned' : state, agent.expiresAt ?? '-'];
}

function toJson({ expiresAt, ...rest }: Agent) {
  return { ...rest, expiresAt: expiresAt === 0n ? undefined : new Date(Number(expiresAt) * 1000).toISOString() };
}
