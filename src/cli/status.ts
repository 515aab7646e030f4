import { Command } from 'commander';
import { Fault, toFault } from '#kernel';
import { table } from '#up';
import { print, type TargetOptions, withAdmin, withSupervisor, withTarget } from './target.ts';

export function statusCommand(): Command {
  return withTarget(new Command('status'))
    .description('trust domains of the server and state of the agent')
    .option('--json', 'as JSON')
    .action(async (options: TargetOptions & { readonly json?: true }) => {
      const parts = { server: await said(serverStatus(options)), agent: await said(agentStatus(options)) };
      const { server, agent } = parts;
      if (isAway(server) && isAway(agent)) throw server.away;
      const healthy = [server, agent].every((one) => !isAway(one) && one.healthy);
      print(options.json === true ? JSON.stringify({ healthy, ...parts }, plain, 2) : screen(parts));
      process.exitCode = healthy ? 0 : 69;
    });
}

const serverStatus = (options: TargetOptions) => withAdmin(options, (admin) => admin.status());
const agentStatus = (options: TargetOptions) => withSupervisor(options, (supervisor) => supervisor.status());

type Server = Awaited<ReturnType<typeof serverStatus>>;
type Agent = Awaited<ReturnType<typeof agentStatus>>;

/** A process that does not answer: the other is shown all the same. */
interface Away {
  readonly away: Fault;
}

async function said<T>(status: Promise<T>): Promise<T | Away> {
  try {
    return await status;
  } catch (error) {
    const away = toFault(error);
    // Nothing is known of a run directory that is not there, or not chosen.
    if (away.code === 'NOT_FOUND' || away.code === 'ARGUMENT_INVALID') throw away;
    return { away };
  }
}

function isAway(status: object): status is Away {
  return 'away' in status;
}

function screen({ server, agent }: { readonly server: Server | Away; readonly agent: Agent | Away }): string {
  const lines = [
    ...(isAway(server) ? [`server NOT healthy: ${server.away}`] : ofServer(server)),
    ...(isAway(agent) ? [`agent NOT healthy: ${agent.away}`] : ofAgent(agent)),
  ];
  return lines.join('\n');
}

function ofServer(server: Server): readonly string[] {
  const domains = server.trustDomains.map((domain) => [
    ...[domain.name, domain.revision, domain.entries, domain.agents].map(String),
    appliedBy(domain),
    String(domain.connected.flatMap(({ points }) => points).reduce((sum, { points }) => sum + points, 0)),
    ...[domain.issued, domain.receipts].map(String),
  ]);
  return [
    `server ${server.healthy ? 'healthy' : 'NOT healthy'}, agents connect to ${server.syncAddress}`,
    table(['trust domain', 'revision', 'entries', 'agents', 'applied by', 'points', 'issued', 'receipts'], domains),
    ...troubles('server', server),
  ];
}

function ofAgent(agent: Agent): readonly string[] {
  const nodes = agent.trustDomains.map((domain) => [
    domain.name,
    domain.state,
    short(domain.agentId),
    String(domain.svids),
  ]);
  return [
    `agent ${agent.healthy ? 'healthy' : 'NOT healthy'}`,
    table(['trust domain', 'state', 'agent', 'svids'], nodes),
    ...troubles('agent', agent),
  ];
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

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Fault) return { code: value.code, message: value.message };
  return typeof value === 'bigint' ? Number(value) : value;
}
