import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode, LIMITS, ManualClock, silentLog, systemRandom } from '#kernel';
import { UnixAttestor } from '#plugins/workload-attestor/unix';
import type { PeerCredentials } from '#rpc';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';
import { Denials } from './denials.ts';
import { Membership } from './membership.ts';
import { AgentNode } from './node.ts';
import { ReceiptQueue } from './receipt-queue.ts';

const entry = (id: string, selectors: readonly string[], more = {}) => ({
  kind: 'Entry',
  key: id,
  bodyJson: JSON.stringify({
    id,
    spiffeId: `spiffe://bank-a/${id}`,
    parentId: 'spiffe://bank-a/node',
    selectors,
    ...more,
  }),
});

/** A node that has heard from its server, without one. */
const newNode = (): AgentNode => newWorld().node;

function newWorld() {
  const clock = new ManualClock();
  const membership = new Membership({
    name: 'bank-a',
    joinToken: 'unused',
    bundle: { trustDomain: 'bank-a', x509Authorities: [], sequence: 1, refreshHintSeconds: 60 },
    server: { host: '127.0.0.1', port: 1 },
    clock,
    random: systemRandom,
    log: silentLog,
  });
  const upserts = [entry('b', ['unix:uid:1']), entry('a', ['unix:uid:1', 'unix:gid:2']), entry('c', ['unix:uid:9'])];
  const apply = (update: Partial<ResourceUpdate>) =>
    membership.resources.apply({
      ...{ trustDomain: 'bank-a', revision: 1n, full: false, upserts: [], removals: [] },
      ...update,
    });
  apply({ full: true, upserts });
  const node = new AgentNode({
    memberships: [membership],
    attestors: [new UnixAttestor({ discoverWorkloadPath: false, workloadSizeLimit: 0 })],
    clock,
    random: systemRandom,
    log: silentLog,
  });
  return { node, clock, apply };
}

test('an entry matches when all of its selectors are seen, in order of id', () => {
  const node = newNode();
  const matching = (...seen: string[]): readonly string[] =>
    node.entitlements(new Set(seen)).map(({ entry: { id } }) => id);
  assert.deepEqual(matching('unix:uid:1', 'unix:gid:2', 'unix:other:3'), ['a', 'b']);
  assert.deepEqual(matching('unix:uid:1'), ['b']);
  assert.deepEqual(matching('unix:gid:2'), []);
  assert.deepEqual(matching(), []);
});

test('what was found for a process is found anew when an entry is changed, taken away or over, and when the clock is set back', () => {
  const { node, clock, apply } = newWorld();
  const seen = new Set(['unix:uid:1']);
  const matching = () => node.entitlements(seen).map(({ entry: { id, hint = '' } }) => id + hint);
  assert.deepEqual(matching(), ['b']);
  assert.equal(node.entitlements(seen), node.entitlements(seen));
  const until = { expiresAt: clock.now() / 1000 + 60 };
  apply({ upserts: [entry('b', ['unix:uid:1'], { hint: '!' }), entry('d', ['unix:uid:1'], until)] });
  assert.deepEqual(matching(), ['b!', 'd']);
  clock.jump(60_000);
  assert.deepEqual(matching(), ['b!']);
  clock.jump(-1);
  assert.deepEqual(matching(), ['b!', 'd']);
  apply({ removals: [{ kind: 'Entry', key: 'b' }] });
  assert.deepEqual(matching(), ['d']);
  apply({ full: true, upserts: [entry('b', ['unix:uid:1'])] });
  assert.deepEqual(matching(), ['b']);
});

test('attack: a connection whose process has ended has no identity, whoever holds it or has its pid now', async () => {
  const node = newNode();
  // The pid is that of a living process of matching uid; nothing shows that it is the one that connected.
  const caller: PeerCredentials = { pid: process.pid, uid: 1, gid: 2, pidfd: undefined };
  await assert.rejects(node.entitled(caller), (error) => faultCode(error) === 'IDENTITY_CALLER_UNKNOWN');
  await node.close();
});

test('attack: a process that asks over and over leaves one receipt a second, many processes no more than their share', () => {
  const clock = new ManualClock();
  const sink = { name: 'bank-a', report: () => Promise.reject(new Fault('IDENTITY_UNAVAILABLE', 'away')) };
  const receipts = new ReceiptQueue([sink], silentLog);
  const denials = new Denials({ receipts, trustDomain: 'bank-a', clock, random: systemRandom });
  const first = denials.note(1, ['unix:uid:1']);
  assert.equal(denials.note(1, ['unix:uid:1']), first);
  assert.notEqual(denials.note(2, ['unix:uid:1']), first);
  clock.advance(1000);
  assert.notEqual(denials.note(1, ['unix:uid:1']), first);
  assert.throws(
    () => {
      for (let pid = 10; pid <= LIMITS.agentDenials.value + 10; pid++) denials.note(pid, []);
    },
    (error) => faultCode(error) === 'LIMIT_EXCEEDED',
  );
  return receipts.close();
});
