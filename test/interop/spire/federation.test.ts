// A stock SPIRE server and ours keep each other's bundles by SPIFFE Federation, in both profiles, through rotations on both sides.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OID, pemCertificates } from '#x509';
import { type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { forge } from '../../forge/certificate.ts';
import { type Cli, cli, freePort, run, skip, succeeds } from './stock.ts';
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

      // Once a WIT-SVID was asked for, our bundle holds keys of a `use` that SPIRE before 1.14 does not know.
      await succeeds(mintWit(spire));
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

const mintWit = (spire: Spire) =>
  run(
    'spire-server',
    ['wit', 'mint', '-spiffeID', 'spiffe://bank-a/minted', '-socketPath', spire.server.spire('bank-a')?.socket ?? ''],
    { SPIRE_SERVER_FFLAGS: 'wit-svid' },
  );

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

test('https_web: each side takes the other’s bundle by the roots of the web', { skip }, async () => {
  const files = mkdtempSync(join(tmpdir(), 'web-'));
  try {
    const { certificateFile, keyFile, roots } = certificateOf('localhost', files);
    await withSpire(
      async (spire) => {
        const profile = { type: 'https_web', certificateFile, keyFile };
        await spire.apply({
          ...{ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' } },
          spec: { bundleEndpoint: { port: 0, profile } },
        });
        const port = spire.server.endpoint('bank-a', 'bundleEndpoint')?.port ?? 0;
        const ownPort = await freePort();
        const server = `federation {
          bundle_endpoint {
            address = "127.0.0.1"
            port = ${ownPort}
            profile "https_web" {
              serving_cert_file { cert_file_path = "${certificateFile}" key_file_path = "${keyFile}" file_sync_interval = "1h" }
            }
          }
        }`;
        const env = { SSL_CERT_FILE: roots };
        await withStockServer({ trustDomain: THEIRS, server, env }, async ({ command: theirs }) => {
          const ours = cli(spire);
          for (const [command, name, at] of [
            [ours, THEIRS, ownPort],
            [theirs, 'bank-a', port],
          ] as const) {
            const endpoint = ['-bundleEndpointURL', `https://localhost:${at}/`, '-bundleEndpointProfile', 'https_web'];
            await succeeds(command('federation', 'create', '-trustDomain', name, ...endpoint));
            await succeeds(command('federation', 'refresh', '-id', name));
          }
          const roots = async (command: Cli, ...args: readonly string[]) =>
            (await succeeds(command('bundle', ...args))).match(/-----BEGIN[\s\S]*-----END CERTIFICATE-----/)?.[0];
          assert.equal(await roots(ours, 'list', '-id', THEIRS), await roots(theirs, 'show'));
          assert.equal(await roots(theirs, 'list', '-id', 'bank-a'), await roots(ours, 'show'));
        });
      },
      { webRoots: roots },
    );
  } finally {
    rmSync(files, { recursive: true });
  }
});

function certificateOf(name: string, folder: string) {
  const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const root = forge({ ca: true, subject: 'web', ...life });
  const leaf = forge({ dnsNames: [name], extKeyUsage: [OID.serverAuth], ...life }, root);
  const [certificateFile, keyFile, roots] = ['cert.pem', 'key.pem', 'roots.pem'].map((file) => join(folder, file));
  assert.ok(certificateFile !== undefined && keyFile !== undefined && roots !== undefined);
  writeFileSync(certificateFile, pemCertificates([leaf.der]));
  writeFileSync(keyFile, leaf.key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(roots, pemCertificates([root.der]));
  return { certificateFile, keyFile, roots };
}
