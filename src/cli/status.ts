import { join } from 'node:path';
import { Command } from 'commander';
import { connectSupervisor, table } from '#up';
import { findRunDirectory, print, type TargetOptions, withAdmin, withTarget } from './target.ts';

export function statusCommand(): Command {
  return withTarget(new Command('status'))
    .description('trust domains of the server and state of the agent')
    .option('--json', 'as JSON')
    .action(async (options: TargetOptions & { readonly json?: true }) => {
      const server = await withAdmin(options, (admin) => admin.status());
      const agent = await agentStatus(options);
      const healthy = server.healthy && agent.healthy;
      print(
        options.json === true ? JSON.stringify({ healthy, server, agent }, plainNumbers, 2) : screen(server, agent),
      );
      process.exitCode = healthy ? 0 : 69;
    });
}

type Server = Parameters<Parameters<typeof withAdmin>[1]>[0] extends { status(): Promise<infer S> } ? S : never;
type Agent = Awaited<ReturnType<typeof agentStatus>>;

async function agentStatus(options: TargetOptions) {
  const supervisor = connectSupervisor(join(findRunDirectory(options), 'agent', 'admin', 'admin.sock'));
  try {
    return await supervisor.status();
  } finally {
    await supervisor.close();
  }
}

function screen(server: Server, agent: Agent): string {
  const domains = server.trustDomains.map((domain) => [
    ...[domain.name, domain.revision, domain.entries, domain.agents].map(String),
    appliedBy(domain),
    ...[domain.issued, domain.receipts].map(String),
  ]);
  const nodes = agent.trustDomains.map((domain) => [domain.name, domain.state, domain.agentId, String(domain.svids)]);
  return [
    `server ${server.healthy ? 'healthy' : 'NOT healthy'}, agents connect to ${server.syncAddress}`,
    table(['trust domain', 'revision', 'entries', 'agents', 'applied by', 'issued', 'receipts'], domains),
    `agent ${agent.healthy ? 'healthy' : 'NOT healthy'}`,
    table(['trust domain', 'state', 'agent', 'svids'], nodes),
  ].join('\n');
}

/** How many of the connected agents have acknowledged the present revision. */
function appliedBy({ revision, connected }: Server['trustDomains'][number]): string {
  const applied = connected.filter(({ acknowledged }) => acknowledged >= revision).length;
  return `${applied} of ${connected.length}`;
}

function plainNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
