import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, silentLog, systemRandom } from '#kernel';
import { Watched } from './api/watched.ts';
import { Membership } from './membership.ts';
import { AgentNode } from './node.ts';

const resource = (kind: string, key: string, body: object = {}) => ({ kind, key, bodyJson: JSON.stringify(body) });
const entry = (id: string) =>
  resource('Entry', id, { id, spiffeId: `spiffe://bank-a/${id}`, parentId: 'p', selectors: ['a:b'] });

test('after the first whole update an enforcement point is sent only what changed; what it has applied is kept', async () => {
  const clock = new ManualClock();
  const bundle = { trustDomain: 'bank-a', x509Authorities: [], sequence: 1, refreshHintSeconds: 60 };
  const server = { host: '127.0.0.1', port: 1 };
  const common = { clock, random: systemRandom, log: silentLog };
  const membership = new Membership({ name: 'bank-a', joinToken: 'unused', bundle, server, ...common });
  const node = new AgentNode({ memberships: [membership], attestors: [], ...common });
  const watched = new Watched(node);
  const next = () =>
    watched
      .next(node.entitlements(new Set(['a:b'])))
      .map(({ full, revision, upserts, removals }) => [full, revision, upserts.map(({ key }) => key), removals]);
  const change = (
    revision: bigint,
    upserts: ReturnType<typeof resource>[],
    removals: { kind: string; key: string }[] = [],
  ) => membership.resources.apply({ trustDomain: 'bank-a', revision, full: false, upserts, removals });

  change(1n, [entry('one'), resource('Service', 's'), resource('Minter', 'm')]);
  assert.deepEqual(next(), [[true, 1n, ['s', 'm'], []]]);
  assert.deepEqual(next(), []);
  watched.acknowledge('bank-a', 2n);
  watched.acknowledge('bank-b', 1n);
  assert.deepEqual([...watched.applied], []);
  watched.acknowledge('bank-a', 1n);
  assert.deepEqual([...watched.applied], [['bank-a', 1n]]);

  change(2n, [resource('Service', 's', { changed: true }), resource('Service', 't')]);
  assert.deepEqual(next(), [[false, 2n, ['s', 't'], []]]);
  change(3n, [], [{ kind: 'Service', key: 's' }]);
  assert.deepEqual(next(), [[false, 3n, [], [{ kind: 'Service', key: 's' }]]]);
  // Another identity of the caller: it may have to judge anew, and is told everything.
  change(4n, [entry('two')]);
  assert.deepEqual(next(), [[true, 4n, ['m', 't'], []]]);
  assert.deepEqual(watched.caller, ['spiffe://bank-a/one', 'spiffe://bank-a/two']);
  // No identity of the trust domain is left: it concerns the caller no more.
  change(
    5n,
    [],
    [
      { kind: 'Entry', key: 'one' },
      { kind: 'Entry', key: 'two' },
    ],
  );
  assert.deepEqual(next(), [[true, 4n, [], []]]);
  assert.deepEqual([...watched.applied], []);
  await node.close();
});
