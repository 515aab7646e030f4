// A stock server: beside ours, below it, or above it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cli, freePort, run, start } from './stock.ts';
import type { Upstairs } from './stock-agent.ts';

export interface StockServer extends Upstairs {
  readonly socket: string;
  log(): string;
}

export interface StockServerOptions {
  readonly trustDomain: string;
  /** More of HCL's `server` block. */
  readonly server?: string;
  /** More plugins. */
  readonly plugins?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a stock server until `use` is done; `use` begins once it is healthy. */
export async function withStockServer(
  { trustDomain, server = '', plugins = '', env = {} }: StockServerOptions,
  use: (server: StockServer) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'stock-'));
  const [socket, config] = [join(home, 'api.sock'), join(home, 'server.conf')];
  const port = await freePort();
  mkdirSync(join(home, 'data'));
  writeFileSync(
    config,
    `server {
      bind_address = "127.0.0.1"
      bind_port = ${port}
      socket_path = "${socket}"
      trust_domain = "${trustDomain}"
      data_dir = "${home}/data"
      ${server}
    }
    plugins {
      DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${home}/data/db.sqlite3" } }
      KeyManager "memory" { plugin_data {} }
      NodeAttestor "join_token" { plugin_data {} }
      ${plugins}
    }`,
  );
  const { child, log, stop } = start('spire-server', ['run', '-config', config], env);
  const command: Cli = (...args) => run('spire-server', [...args, '-socketPath', socket]);
  try {
    const deadline = performance.now() + 60_000;
    while ((await command('healthcheck')).code !== 0)
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`the stock server is not well: ${log()}`);
    await use({ socket, address: { host: '127.0.0.1', port }, command, log });
  } finally {
    await stop();
    rmSync(home, { recursive: true });
  }
}
