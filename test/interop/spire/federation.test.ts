// A stock SPIRE server and ours keep each other's bundles by SPIFFE Federation, profile https_spiffe, through rotations on both sides.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { type Cli, cli, freePort, skip, succeeds } from './stock.ts';
import { withStockServer } from './stock-server.ts';

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
    await withPartner(spire, async ({ theirs, endpoint }) => {
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

async function withPartner(
  spire: Spire,
  use: (partner: { readonly theirs: Cli; readonly endpoint: string }) => Promise<void>,
): Promise<void> {
  const { host, port } = spire.server.endpoint('bank-a', 'bundleEndpoint') ?? { host: '', port: 0 };
  const bundlePort = await freePort();
  const server = `federation {
        bundle_endpoint { address = "127.0.0.1" port = ${bundlePort} profile "https_spiffe" {} }
        federates_with "bank-a" {
          bundle_endpoint_url = "https://${host}:${port}/"
          bundle_endpoint_profile "https_spiffe" { endpoint_spiffe_id = "spiffe://bank-a${SERVER}" }
        }
      }`;
  await withStockServer({ trustDomain: THEIRS, server }, ({ command: theirs }) =>
    use({ theirs, endpoint: `https://127.0.0.1:${bundlePort}/` }),
  );
}

function authorities(pem: string): number {
  return pem.split('BEGIN CERTIFICATE').length - 1;
}
