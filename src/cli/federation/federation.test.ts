import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { hauberk } from '../cli.harness.ts';

async function open(directory: string, name: string, spec: object) {
  const adminSocket = join(directory, `${name}.sock`);
  const ports = { clock: systemClock, random: systemRandom, log: silentLog };
  const sync = { host: '127.0.0.1', port: 0 };
  const spire = { sockets: { [name]: join(directory, `${name}.spire`) } };
  const server = await startServer({ dataDir: join(directory, name), adminSocket, spire, sync, ...ports });
  const admin = createClient(AdminDefinition, { socketPath: adminSocket });
  const document = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name }, spec };
  await admin.apply({ documentsJson: [JSON.stringify(document)], dryRun: false });
  await admin.close();
  return { server, hauberk: (...words: readonly string[]) => hauberk(...words, '--socket', adminSocket) };
}

test('federation create, list, refresh and delete; bundle show and set', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fed-'));
  const a = await open(directory, 'bank-a', { bundleEndpoint: { port: 0 } });
  const b = await open(directory, 'bank-b', {});
  try {
    const { host, port } = a.server.endpoint('bank-a', 'bundleEndpoint') ?? {};
    const shown = await a.hauberk('bundle', 'show', 'bank-a');
    assert.equal(JSON.parse(shown.out).keys[0].use, 'x509-svid');
    const file = join(directory, 'bundle.json');
    writeFileSync(file, shown.out);
    const relation = ['federation', 'create', 'bank-b', 'bank-a', '--url', `https://${host}:${port}/`];
    const id = ['--endpoint-spiffe-id', 'spiffe://bank-a/spire/server'];

    const unsaid = await b.hauberk(...relation, '--profile', 'https_spiffe');
    assert.deepEqual([unsaid.status, unsaid.out], [65, '']);
    assert.match(unsaid.error, /^hauberk: ARGUMENT_INVALID: --endpoint-spiffe-id goes with --profile https_spiffe/);
    const created = await b.hauberk(
      ...relation,
      '--profile',
      'https_spiffe',
      ...id,
      '--bundle',
      file,
      '--owner',
      'ops',
    );
    assert.deepEqual([created.error, created.status], ['', 0]);
    assert.match(created.out, /bank-b knows the bundle of bank-a at sequence \d+\ncreated Federation bank-a/);
    assert.equal((await b.hauberk('federation', 'refresh', 'bank-b', 'bank-a')).status, 0);
    const [listed] = JSON.parse((await b.hauberk('federation', 'list', 'bank-b', '--json')).out);
    assert.deepEqual([listed.owner, listed.code, listed.x509Authorities], ['ops', '', 1]);
    assert.match((await b.hauberk('federation', 'list', 'bank-b')).out, /bank-a .*https_spiffe .* ok .* never .*ops/);
    assert.equal((await b.hauberk('bundle', 'show', 'bank-b', '--of', 'bank-a')).status, 0);

    writeFileSync(file, '{"keys":[],"keys":[]}');
    const twice = await b.hauberk('bundle', 'set', 'bank-b', 'bank-a', '--file', file);
    assert.match(twice.error, /^hauberk: BUNDLE_INVALID: /);
    assert.equal((await b.hauberk('federation', 'delete', 'bank-b', 'bank-a')).status, 0);
    assert.match((await b.hauberk('federation', 'refresh', 'bank-b', 'bank-a')).error, /^hauberk: NOT_FOUND: /);
  } finally {
    await a.server.close();
    await b.server.close();
    rmSync(directory, { recursive: true });
  }
});
