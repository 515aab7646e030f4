import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Receipt } from '#chain';
import { ManualClock, systemRandom } from '#kernel';
import { MemoryStore, Registry } from '#registry';
import { touchFederations } from './federation-use.ts';

const receipt = (peer: string, effect: Receipt['effect'] = 'allow'): Receipt => ({
  id: '0'.repeat(32),
  txn: '0'.repeat(32),
  span: '0'.repeat(16),
  kind: 'service',
  trustDomain: 'bank-a',
  effect,
  code: effect === 'allow' ? 'ALLOWED' : 'POLICY_DENIED',
  peer,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationUs: 1,
});

test('a federation was used when a link with the other trust domain was allowed, and not by a denial or a stranger', async () => {
  const registry = await Registry.open({ store: new MemoryStore(), clock: new ManualClock(), random: systemRandom });
  const body = { name: 'bank-a', userPath: '/user/', federatesWith: ['hosted', 'denied'] };
  const federation = {
    trustDomain: 'remote',
    bundleEndpointUrl: 'https://remote.example/',
    bundleEndpointProfile: { type: 'https_web' },
  };
  await registry.commit('bank-a', [
    { kind: 'TrustDomain', key: 'bank-a', body },
    { kind: 'Federation', key: 'remote', body: federation },
  ]);
  const revision = registry.revision('bank-a');
  touchFederations(registry, [
    receipt('spiffe://hosted/edge'),
    receipt('spiffe://remote/x'),
    receipt('spiffe://denied/x', 'deny'),
    receipt('spiffe://stranger/x'),
    receipt('spiffe://bank-a/own'),
    receipt('nothing'),
  ]);
  const uses = await registry.uses('bank-a');
  assert.deepEqual(uses.map(({ kind, key }) => `${kind} ${key}`).sort(), ['Federation hosted', 'Federation remote']);
  assert.equal(registry.revision('bank-a'), revision);
});
