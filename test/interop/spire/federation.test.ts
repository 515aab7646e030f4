// A stock SPIRE server and ours keep each other's bundles by SPIFFE Federation, profile https_spiffe, through rotations on both sides.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { cli, program, type Ran, run, skip } from './stock.ts';

const THEIRS = 'spire.example';
const SERVER = '/spire/server';

test('bundles travel both ways, and follow what each side rotates', { skip }, () =>
  withSpire(async (spire) => {
    await spire.apply({
      apiVersion: 'hauberk.dev/v1',
      kind: 'TrustDomain',
      metadata: { name: 'bank-a' },
      spec: { bundleEndpoint: { port: 0 } },
    });
    const ours = cli(spire);
    await withStockServer(spire, async ({ theirs, endpoint }) => {
      await exchange(ours, theirs);
      const relation = [
        '-trustDomain',
        THEIRS,
        '-bundleEndpointURL',
        endpoint,
        '-bundleEndpointProfile',
        'https_spiffe',
      ];
      await succeeds(ours('federation', 'create', ...relation, '-endpointSpiffeID', `spiffe://${THEIRS}${SERVER}`));

      const id = await succeeds(theirs('localauthority', 'x509', 'prepare', '-output', 'json'));
      await succeeds(ours('federation', 'refresh', '-id', THEIRS));
      assert.equal(authorities(await succeeds(ours('bundle', 'list', '-id', THEIRS))), 2);
      const { prepared_authority: prepared } = JSON.parse(id);
      await succeeds(theirs('localauthority', 'x509', 'activate', '-authorityID', prepared.authority_id));
      await succeeds(ours('federation', 'refresh', '-id', THEIRS));

      await succeeds(ours('localauthority', 'x509', 'prepare'));
      await succeeds(theirs('federation', 'refresh', '-id', 'bank-a'));
      assert.equal(authorities(await succeeds(theirs('bundle', 'list', '-id', 'bank-a'))), 2);
    });
  }),
);

type Cli = (...args: readonly string[]) => Promise<Ran>;

/** Each side is given the other's bundle by hand, as `https_spiffe` begins. */
async function exchange(ours: Cli, theirs: Cli): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bundles-'));
  try {
    for (const [from, to, name] of [
      [theirs, ours, THEIRS],
      [ours, theirs, 'bank-a'],
    ] as const) {
      const file = join(directory, name);
      writeFileSync(file, await succeeds(from('bundle', 'show', '-format', 'spiffe')));
      await succeeds(to('bundle', 'set', '-id', `spiffe://${name}`, '-format', 'spiffe', '-path', file));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface StockServer {
  readonly theirs: Cli;
  readonly endpoint: string;
}

async function withStockServer(spire: Spire, use: (server: StockServer) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'stock-'));
  const socket = join(home, 'api.sock');
  const [port, bundlePort] = [await freePort(), await freePort()];
  const { host, port: ourPort } = spire.server.endpoint('bank-a', 'bundleEndpoint') ?? { host: '', port: 0 };
  mkdirSync(join(home, 'data'));
  const config = join(home, 'server.conf');
  writeFileSync(
    config,
    `server {
      bind_address = "127.0.0.1"
      bind_port = ${port}
      socket_path = "${socket}"
      trust_domain = "${THEIRS}"
      data_dir = "${home}/data"
      federation {
        bundle_endpoint { address = "127.0.0.1" port = ${bundlePort} profile "https_spiffe" {} }
        federates_with "bank-a" {
          bundle_endpoint_url = "https://${host}:${ourPort}/"
          bundle_endpoint_profile "https_spiffe" { endpoint_spiffe_id = "spiffe://bank-a${SERVER}" }
        }
      }
    }
    plugins {
      DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${home}/data/db.sqlite3" } }
      KeyManager "memory" { plugin_data {} }
      NodeAttestor "join_token" { plugin_data {} }
    }`,
  );
  const child = spawn(program('spire-server'), ['run', '-config', config], { stdio: 'ignore' });
  const theirs: Cli = (...args) => run('spire-server', [...args, '-socketPath', socket]);
  try {
    const deadline = performance.now() + 30_000;
    while ((await theirs('healthcheck')).code !== 0) assert.ok(performance.now() < deadline && child.exitCode === null);
    await use({ theirs, endpoint: `https://127.0.0.1:${bundlePort}/` });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(home, { recursive: true });
  }
}

async function succeeds(running: Promise<Ran>): Promise<string> {
  const { code, output } = await running;
  assert.equal(code, 0, output);
  return output;
}

function authorities(pem: string): number {
  return pem.split('BEGIN CERTIFICATE').length - 1;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
