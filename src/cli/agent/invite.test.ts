import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAgent } from '#agent';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { hauberk } from '../cli.harness.ts';

const DOCUMENT = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} };
const ports = { clock: systemClock, random: systemRandom, log: silentLog };

test('an agent that is configured with what "agent invite" prints attests, and is known by the id that was said', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'inv-'));
  const adminSocket = join(directory, 's.sock');
  const sync = { host: '127.0.0.1', port: 0 };
  const server = await startServer({ dataDir: join(directory, 'data'), adminSocket, sync, ...ports });
  const run = (...words: readonly string[]) => hauberk('agent', ...words, '--socket', adminSocket);
  try {
    const admin = createClient(AdminDefinition, { socketPath: adminSocket });
    await admin.apply({ documentsJson: [JSON.stringify(DOCUMENT)], dryRun: false });
    await admin.close();
    const { status, out } = await run('invite', 'bank-a', '--spiffe-id', 'spiffe://bank-a/node/two');
    assert.equal(status, 0);
    const agent = await startAgent({
      node: 'two',
      workloadSocket: join(directory, 'w.sock'),
      adminSocket: join(directory, 'admin', 'a.sock'),
      server: server.sync,
      trustDomains: [JSON.parse(out)],
      ...ports,
    });
    try {
      const [known] = JSON.parse((await run('list', 'bank-a', '--json')).out);
      assert.deepEqual([known.alias, known.attestationType], ['spiffe://bank-a/node/two', 'join_token']);
    } finally {
      await agent.close();
    }
    for (const [code, ...words] of [
      ['NOT_FOUND', 'nowhere'],
      ['ARGUMENT_INVALID', 'bank-a', '--expires-in', 'soon'],
      ['ARGUMENT_INVALID', 'bank-a', '--expires-in', '2d'],
      ['SPIFFE_ID_INVALID', 'bank-a', '--spiffe-id', 'two'],
    ])
      assert.match((await run('invite', ...words)).error, new RegExp(`^hauberk: ${code}: `));
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
});
