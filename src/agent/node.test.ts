import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode, LIMITS, ManualClock, silentLog, systemRandom } from '#kernel';
import { UnixAttestor } from '#plugins/workload-attestor/unix';
import type { PeerCredentials } from '#rpc';
import { Denials } from './denials.ts';
import { Membership } from './membership.ts';
import { AgentNode } from './node.ts';
import { ReceiptQueue } from './receipt-queue.ts';

const entry = (id: string, selectors: readonly string[]) => ({
  kind: 'Entry',
  key: id,
  bodyJson: JSON.stringify({ id, spiffeId: `spiffe://bank-a/${id}`, parentId: 'spiffe://bank-a/node', selectors }),
});

/** A node that has heard from its server, without one. */
function newNode(): AgentNode {
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
  membership.resources.apply({ trustDomain: 'bank-a', revision: 1n, full: true, upserts, removals: [] });
  return new AgentNode({
    memberships: [membership],
    attestors: [new UnixAttestor({ discoverWorkloadPath: false, workloadSizeLimit: 0 })],
    clock,
    random: systemRandom,
    log: silentLog,
  });
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
