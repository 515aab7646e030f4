import { Command } from 'commander';
import { table } from '#up';
import { print, type TargetOptions, withAdmin, withSupervisor, withTarget } from './target.ts';

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

const agentStatus = (options: TargetOptions) => withSupervisor(options, (supervisor) => supervisor.status());

function screen(server: Server, agent: Agent): string {
  const domains = server.trustDomains.map((domain) => [
    ...[domain.name, domain.revision, domain.entries, domain.agents].map(String),
    appliedBy(domain),
    String(domain.connected.flatMap(({ points }) => points).reduce((sum, { points }) => sum + points, 0)),
    ...[domain.issued, domain.receipts].map(String),
  ]);
  const nodes = agent.trustDomains.map((domain) => [
    domain.name,
    domain.state,
    short(domain.agentId),
    String(domain.svids),
  ]);
  return [
    `server ${server.healthy ? 'healthy' : 'NOT healthy'}, agents connect to ${server.syncAddress}`,
    table(['trust domain', 'revision', 'entries', 'agents', 'applied by', 'points', 'issued', 'receipts'], domains),
    ...troubles('server', server),
    `agent ${agent.healthy ? 'healthy' : 'NOT healthy'}`,
    table(['trust domain', 'state', 'agent', 'svids'], nodes),
    ...troubles('agent', agent),
  ].join('\n');
}

function troubles(what: string, { trustDomains }: Pick<Server | Agent, 'trustDomains'>): readonly string[] {
  const told = trustDomains.filter(({ code }) => code !== '');
  return told.map(({ name, code, reason }) => `${what} cannot issue in ${name}: ${code}: ${reason}`);
}

/** Fits beside the rest into 80 columns; `--json` has it whole. */
function short(id: string): string {
  const name = id.replace('spiffe://', '');
  return name.length <= 40 ? name : `${name.slice(0, 31)}…${name.slice(-8)}`;
}

/** How many of the connected agents have acknowledged the present revision. */
function appliedBy({ revision, connected }: Server['trustDomains'][number]): string {
  const applied = connected.filter(({ acknowledged }) => acknowledged >= revision).length;
  return `${applied} of ${connected.length}`;
}

function plainNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
