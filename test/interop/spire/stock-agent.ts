// A stock agent below any server that speaks SPIRE's wire.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spire } from '../../../src/server/spire/spire.harness.ts';
import { type Cli, cli, type Ran, run, start, succeeds } from './stock.ts';

export interface StockAgent {
  readonly socket: string;
  readonly adminSocket: string;
  /** `spire-agent` on the agent's socket, once. */
  readonly command: Cli;
  /** `spire-agent api …`, again until the agent answers with success, or until its process has ended. */
  readonly fetch: Cli;
  log(): string;
  /** Exit code, once the process has ended. */
  ended(): Promise<number>;
  /** Ends the process and starts it again on the same data. */
  restart(): Promise<void>;
}

export interface NodeProof {
  readonly name: string;
  /** HCL of the node attestor's plugin data. */
  readonly data: string;
  readonly joinToken?: string;
}

export interface Upstairs {
  readonly address: { readonly host: string; readonly port: number };
  readonly command: Cli;
}

export const upstairs = (spire: Spire): Upstairs => ({
  address: spire.server.spire('bank-a')?.tls ?? { host: '', port: 0 },
  command: cli(spire),
});

/** Runs a stock agent of trust domain `bank-a` with a node attestor of its own, until `use` is done. */
export async function withAgent(
  { address, command }: Upstairs,
  proof: NodeProof,
  use: (agent: StockAgent) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'stock-'));
  const socket = join(home, 'public', 'agent.sock');
  const adminSocket = join(home, 'admin', 'admin.sock');
  const config = join(home, 'agent.conf');
  for (const directory of ['data', 'public', 'admin']) mkdirSync(join(home, directory));
  writeFileSync(join(home, 'bundle.pem'), await succeeds(command('bundle', 'show')));
  writeFileSync(config, configuration(home, address, proof, { socket, adminSocket }));
  const open = () => start('spire-agent', ['run', '-config', config]);
  let running = open();
  const ask: Cli = (...args) => run('spire-agent', [...args, '-socketPath', socket]);
  const fetch = async (...args: readonly string[]): Promise<Ran> => {
    for (;;) {
      const ran = await ask('api', ...args);
      if (ran.code === 0) return ran;
      if (running.child.exitCode !== null) return { code: ran.code, output: running.log() };
    }
  };
  const restart = async (): Promise<void> => {
    await running.stop();
    running = open();
  };
  const { ended, log } = { ended: () => running.ended(), log: () => running.log() };
  try {
    await use({ socket, adminSocket, command: ask, fetch, log, ended, restart });
  } finally {
    await running.stop();
    rmSync(home, { recursive: true });
  }
}

/** The same by a fresh join token for the id `spiffe://bank-a<path>`; `use` begins once the agent is healthy. */
export async function withJoinedAgent(
  server: Upstairs,
  path: string,
  use: (agent: StockAgent) => Promise<void>,
): Promise<void> {
  const made = await succeeds(server.command('token', 'generate', '-spiffeID', `spiffe://bank-a${path}`));
  const joinToken = /Token: (\S+)/.exec(made)?.[1] ?? '';
  await withAgent(server, { name: 'join_token', data: '', joinToken }, async (agent) => {
    while ((await agent.command('healthcheck')).code !== 0);
    await use(agent);
  });
}

function configuration(
  home: string,
  { host, port }: Upstairs['address'],
  { name, data, joinToken }: NodeProof,
  { socket, adminSocket }: { readonly socket: string; readonly adminSocket: string },
): string {
  return `agent {
      data_dir = "${home}/data"
      server_address = "${host}"
      server_port = ${port}
      socket_path = "${socket}"
      admin_socket_path = "${adminSocket}"
      trust_bundle_path = "${home}/bundle.pem"
      trust_domain = "bank-a"
      experimental { sync_interval = "1s" }
      ${joinToken === undefined ? '' : `join_token = "${joinToken}"`}
    }
    plugins {
      NodeAttestor "${name}" { plugin_data { ${data} } }
      KeyManager "disk" { plugin_data { directory = "${home}/data" } }
      WorkloadAttestor "unix" { plugin_data {} }
    }`;
}
