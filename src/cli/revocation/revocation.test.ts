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

test('revoke, revocation list and restore; agent list, ban and evict', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rv-'));
  const adminSocket = join(directory, 'a.sock');
  const ports = { clock: systemClock, random: systemRandom, log: silentLog };
  const sync = { host: '127.0.0.1', port: 0 };
  const server = await startServer({ dataDir: join(directory, 'data'), adminSocket, sync, ...ports });
  const run = (...words: readonly string[]) => hauberk(...words, '--socket', adminSocket);
  try {
    const admin = createClient(AdminDefinition, { socketPath: adminSocket });
    const document = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} };
    await admin.apply({ documentsJson: [JSON.stringify(document)], dryRun: false });
    await admin.close();
    const alice = 'spiffe://bank-a/user/1';

    const revoked = await run('revoke', 'user', alice, '--reason', 'stolen laptop', '--expires-in', '12h');
    assert.deepEqual([revoked.error, revoked.status], ['', 0]);
    assert.match(
      revoked.out,
      /^revoked user spiffe:\/\/bank-a\/user\/1 in bank-a at revision \d+\napplied by 0 of 0 enforcement points behind 0 of 0 agents after \d+ ms\n$/,
    );
    assert.equal((await run('revoke', 'session', 's-1', '--trust-domain', 'bank-a')).status, 0);
    const listed = await run('revocation', 'list');
    assert.match(listed.out, /bank-a +user +bank-a\/user\/1 +\S+Z +\S+Z +stolen laptop\n/);
    assert.match(listed.out, /bank-a +session +s-1 +\S+Z +restored\n/);
    assert.equal((await run('revocation', 'restore', 'user', alice)).status, 0);
    const [only, ...more] = JSON.parse((await run('revocation', 'list', 'bank-a', '--json')).out);
    assert.deepEqual([only.kind, only.value, more.length], ['session', 's-1', 0]);

    for (const [words, status, code] of [
      [['revoke', 'user', 'spiffe://bank-a/ns/app'], 65, 'REVOCATION_INVALID'],
      [['revoke', 'session', 's-1'], 65, 'ARGUMENT_INVALID'],
      [['revoke', 'user', alice, '--expires-in', 'soon'], 65, 'ARGUMENT_INVALID'],
      [['revocation', 'restore', 'user', alice], 66, 'NOT_FOUND'],
      [['agent', 'ban', 'spiffe://bank-a/spire/agent/x509pop/1'], 66, 'NOT_FOUND'],
      [['agent', 'evict', 'nobody'], 65, 'SPIFFE_ID_INVALID'],
    ] as const) {
      const ran = await run(...words);
      assert.deepEqual([ran.status, ran.out], [status, ''], words.join(' '));
      assert.match(ran.error, new RegExp(`^hauberk: ${code}: `));
    }
    assert.match(
      (await run('agent', 'list', 'bank-a')).out,
      /^ +agent +alias +attested by +state +certificate until\n/,
    );
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
});
