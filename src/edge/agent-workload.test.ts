import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAgent } from '#agent';
import { Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { connectAgent } from './agent-workload.ts';
import { EDGE_ID } from './edge.harness.ts';
import { Minters } from './minters.ts';

const v1 = { apiVersion: 'hauberk.dev/v1' };
const PLATFORM = 'platform.example';

const DOCUMENTS = [
  {
    ...v1,
    kind: 'TrustDomain',
    metadata: { name: PLATFORM },
    spec: { federatesWith: ['bank-a'], namespaces: ['platform'] },
  },
  {
    ...v1,
    kind: 'TrustDomain',
    metadata: { name: 'bank-a' },
    spec: {
      federatesWith: [PLATFORM],
      namespaces: ['bank-a'],
      minters: [{ spiffeId: EDGE_ID, kinds: ['txn-token'], maxLifetime: '15m' }],
    },
  },
  {
    ...v1,
    kind: 'Entry',
    metadata: { name: 'edge', trustDomain: PLATFORM },
    spec: {
      spiffeId: EDGE_ID,
      parentId: `spiffe://${PLATFORM}/node/local`,
      selectors: [`unix:uid:${userInfo().uid}`],
      federatesWith: ['bank-a'],
    },
  },
  {
    ...v1,
    kind: 'Service',
    metadata: { name: 'api-gateway', namespace: 'bank-a', trustDomain: 'bank-a' },
    spec: { spiffeId: 'spiffe://bank-a/api-gateway', protocol: 'http', endpoints: [{ host: '127.0.0.1', port: 1 }] },
  },
];

test('with a real server and agent the edge has its identity, sees services of a federated trust domain and registers as its minter', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'edge-'));
  const life = new Lifecycle();
  life.defer(() => rmSync(directory, { recursive: true }));
  const common = { clock: systemClock, random: systemRandom, log: silentLog };
  try {
    const sync = { host: '127.0.0.1', port: 0 };
    const server = life.own(
      await startServer({ dataDir: join(directory, 'd'), adminSocket: join(directory, 's.sock'), sync, ...common }),
    );
    const admin = life.own(createClient(AdminDefinition, { socketPath: server.adminSocket }));
    await admin.apply({ documentsJson: DOCUMENTS.map((one) => JSON.stringify(one)), dryRun: false });
    const trustDomains = await Promise.all(
      [PLATFORM, 'bank-a'].map(async (name) => {
        const spiffeId = `spiffe://${name}/node/local`;
        const { token } = await admin.createJoinToken({ trustDomain: name, ttlSeconds: 60, spiffeId });
        const { bundleJson } = await admin.getBundle({ trustDomain: name });
        return { name, joinToken: token, bundle: JSON.parse(bundleJson) };
      }),
    );
    const agentSocket = join(directory, 'w.sock');
    const sockets = { workloadSocket: agentSocket, adminSocket: join(directory, 'a.sock') };
    life.own(await startAgent({ node: 'local', ...sockets, server: server.sync, trustDomains, ...common }));
    const workload = life.own(await connectAgent({ agentSocket, ...common }));
    assert.equal(workload.svid().id.toString(), EDGE_ID);
    const minters = new Minters({ workload, ...common, kinds: ['txn-token'] });
    const minter = await minters.current('bank-a');
    assert.deepEqual([minter.issuer, minter.maxLifetimeSeconds], [EDGE_ID, 900]);
    assert.equal(await minters.current('bank-a'), minter);
    assert.equal(workload.findService('api-gateway.bank-a')?.spiffeId, 'spiffe://bank-a/api-gateway');
    assert.equal(workload.findService('api-gateway.bank-b'), undefined);
    assert.equal(workload.isRevoked('bank-a', { user: 'spiffe://bank-a/user/1', session: 's', since: 1 }), false);
    await assert.rejects(workload.connect('api-gateway.bank-a'), { code: 'UPSTREAM_UNAVAILABLE' });
    await assert.rejects(minters.current(PLATFORM), { code: 'MINTER_NOT_AUTHORIZED' });
    const greedy = new Minters({ workload, ...common, kinds: ['txn-token', 'internal-jwt'] });
    await assert.rejects(greedy.current('bank-a'), { code: 'MINTER_NOT_AUTHORIZED' });
  } finally {
    await life.close();
  }
});
