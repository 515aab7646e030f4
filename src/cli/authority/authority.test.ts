import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { hauberk } from '../cli.harness.ts';

const DOCUMENT = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} };

test('authority rotate, taint and revoke walk a key through its states; what its state does not allow is refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cli-'));
  const socketPath = join(directory, 'a.sock');
  const sync = { host: '127.0.0.1', port: 0 };
  const ports = { clock: systemClock, random: systemRandom, log: silentLog };
  const server = await startServer({ dataDir: join(directory, 'data'), adminSocket: socketPath, sync, ...ports });
  const authority = (...words: readonly string[]) => hauberk('authority', ...words, '--socket', socketPath);
  const states = async (kind: string): Promise<readonly string[]> => {
    const { out } = await authority('show', 'bank-a', '--json');
    const { authorities } = JSON.parse(out);
    const own = authorities.filter((one: { kind: string }) => one.kind === kind);
    return own.map((one: { state: string; tainted: boolean }) => (one.tainted ? 'tainted' : one.state));
  };
  try {
    const admin = createClient(AdminDefinition, { socketPath });
    await admin.apply({ documentsJson: [JSON.stringify(DOCUMENT)], dryRun: false });
    await admin.close();
    const refused = await authority('taint', 'bank-a', '--kind', 'jwt');
    assert.match(refused.error, /^hauberk: NOT_FOUND: /);
    assert.deepEqual([refused.status, refused.out], [66, '']);
    assert.equal((await authority('rotate', 'bank-a', '--kind', 'jwt')).status, 0);
    assert.deepEqual(await states('jwt'), ['old', 'active']);
    assert.match((await authority('taint', 'bank-a', '--kind', 'jwt')).out, /^jwt {2}\w+ {2}old, tainted {2}/);
    assert.deepEqual(await states('jwt'), ['tainted', 'active']);
    assert.match((await authority('revoke', 'bank-a', '--kind', 'jwt')).out, /^jwt {2}\w+ {2}revoked {2}/);
    assert.deepEqual(await states('jwt'), ['active']);
    assert.deepEqual(await states('x509'), ['active']);
    const { status } = await authority('prepare', 'bank-a', '--kind', 'ssh');
    assert.equal(status, 65);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
});
