import type { Lifecycle } from '#kernel';
import { Fault } from '#kernel';
import { type AdminClient, connectSupervisor, type SupervisorClient } from './control.ts';
import { keepAgentJoined } from './joined.ts';
import { hauberkProcess, type Registrations, type Workshop } from './processes.ts';
import { startTogether } from './start-together.ts';

/** The connection to the agent's admin socket: a new one after every start of the agent. */
export class AgentLine {
  #client: SupervisorClient | undefined;

  /** Throws `IDENTITY_UNAVAILABLE` while no agent has started. */
  readonly client = (): SupervisorClient => {
    if (this.#client === undefined) throw new Fault('IDENTITY_UNAVAILABLE', 'the agent is not running yet');
    return this.#client;
  };

  async connect(socketPath: string): Promise<void> {
    await this.close();
    this.#client = connectSupervisor(socketPath);
  }

  async close(): Promise<void> {
    await this.#client?.close();
    this.#client = undefined;
  }
}

/** Starts the agent with fresh join tokens, and again whenever it ends; live session leaders are registered anew each time. */
export async function startNodeAgent(
  shop: Workshop,
  parts: {
    readonly admin: AdminClient;
    readonly line: AgentLine;
    readonly registrations: Registrations;
    readonly lifecycle: Lifecycle;
  },
): Promise<void> {
  const { admin, line, registrations, lifecycle } = parts;
  const { plan, wiring, run, say } = shop;
  const { node } = plan.spec;
  const agent = hauberkProcess(shop, 'agent', {
    config: async () => ({
      node,
      workloadSocket: wiring.agentSocket,
      adminSocket: wiring.agentAdminSocket,
      dataDir: run.at('agent'),
      server: { host: '127.0.0.1', port: wiring.serverPort },
      trustDomains: await Promise.all(
        plan.trustDomains.map((name) => admin.joinMaterial(name, `spiffe://${name}/node/${node}`)),
      ),
    }),
    afterReady: async () => {
      await line.connect(wiring.agentAdminSocket);
      await registrations.again();
    },
  });
  await startTogether(lifecycle, [agent], say);
  lifecycle.defer(() => line.close());
  lifecycle.own(keepAgentJoined({ supervisor: line.client, admin, node, say }));
}
