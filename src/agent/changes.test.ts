import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, silentLog, systemRandom } from '#kernel';
import { ofEnforcement, ofIdentities } from './api/changes.ts';
import { Membership } from './membership.ts';
import { AgentNode } from './node.ts';

const entry = (id: string, selectors: readonly string[]) => ({
  id,
  spiffeId: `spiffe://bank-a/${id}`,
  parentId: 'spiffe://bank-a/node',
  selectors,
});
const touched = (kinds: readonly string[], ...entries: ReturnType<typeof entry>[]) => ({
  kinds: new Set(kinds),
  entries,
});

test('a changed entry wakes the streams of callers that match it or did, and no others; a bundle wakes all', async () => {
  const common = { clock: new ManualClock(), random: systemRandom, log: silentLog };
  const bundle = { trustDomain: 'bank-a', x509Authorities: [], sequence: 1, refreshHintSeconds: 60 };
  const server = { host: '127.0.0.1', port: 1 };
  const membership = new Membership({ name: 'bank-a', joinToken: 'unused', bundle, server, ...common });
  const attest = async () => [{ type: 'unix', value: 'uid:1' }];
  const node = new AgentNode({ memberships: [membership], attestors: [{ name: 'fake', attest }], ...common });
  const caller = { pid: process.pid, uid: 1, gid: 1, pidfd: undefined };
  const [identities, enforcement] = [ofIdentities(node, caller), ofEnforcement(node, caller)];
  const mine = touched(['Entry'], entry('a', ['unix:uid:1']));
  const others = touched(['Entry'], entry('b', ['unix:uid:2']), entry('c', ['unix:uid:1', 'unix:gid:2']));
  // Nobody knows yet what it matches.
  assert.deepEqual([identities(others), enforcement(others)], [true, true]);
  await assert.rejects(node.entitled(caller));
  assert.deepEqual([identities(mine), enforcement(mine)], [true, true]);
  assert.deepEqual([identities(others), enforcement(others)], [false, false]);
  assert.deepEqual([identities(touched(['Bundle'])), enforcement(touched(['Bundle']))], [true, true]);
  assert.deepEqual([identities(touched(['Service'])), enforcement(touched(['Service']))], [false, true]);
  // Attested anew soon, it is still known by what was seen of it until then.
  node.attestAnew();
  assert.deepEqual([identities(mine), identities(others)], [true, false]);
  await node.close();
});
