import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Receipt } from '#chain';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import { EMPTY_HEAD, Ledger, orderLinks } from '#ledger';
import { type AgentRecord, Registry } from '#registry';
import { SqliteLedgerStore, SqliteStore } from './index.ts';

const entry = (id: string, extra: object = {}) => ({
  kind: 'Entry' as const,
  key: id,
  body: {
    id,
    spiffeId: `spiffe://bank-a/${id}`,
    parentId: 'spiffe://bank-a/node/local',
    selectors: ['unix:uid:1'],
    ...extra,
  },
});
const domain = { kind: 'TrustDomain' as const, key: 'bank-a', body: { name: 'bank-a', userPath: '/user/' } };

const agentOf = (id: string, extra: Partial<AgentRecord> = {}): AgentRecord => ({
  id: `spiffe://bank-a/spire/agent/join_token/${id}`,
  trustDomain: 'bank-a',
  attestationType: 'join_token',
  selectors: [],
  canReattest: false,
  banned: false,
  serial: '01',
  expiresAt: 1,
  ...extra,
});

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sqlite-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const open = async (directory: string, clock = new ManualClock()): Promise<Registry> =>
  Registry.open({ store: await SqliteStore.open(join(directory, 'registry.db')), clock, random: systemRandom });

test('a revision is raised once a commit, and not by a commit that changes nothing', () =>
  inDirectory(async (directory) => {
    const registry = await open(directory);
    assert.equal((await registry.commit('bank-a', [domain, entry('a'), entry('b')])).revision, 1);
    assert.equal((await registry.commit('bank-a', [entry('a')])).revision, 1);
    assert.equal((await registry.commit('bank-a', [{ ...entry('a'), body: null }])).revision, 2);
    assert.deepEqual(
      registry.entries('bank-a').map(({ id }) => id),
      ['b'],
    );
  }));

test('a restart loses nothing', () =>
  inDirectory(async (directory) => {
    const first = await open(directory);
    await first.commit('bank-a', [domain, entry('a')]);
    await first.putAgent(agentOf('x'));
    const second = await open(directory);
    assert.deepEqual(second.entries('bank-a'), first.entries('bank-a'));
    assert.equal(second.revision('bank-a'), 1);
    assert.equal(second.agents('bank-a').length, 1);
  }));

test('entries that would give away reserved or foreign ids are refused, and nothing of their commit is kept', () =>
  inDirectory(async (directory) => {
    const registry = await open(directory);
    await registry.commit('bank-a', [domain]);
    const bad = [
      { spiffeId: 'spiffe://bank-a/spire/server' },
      { spiffeId: 'spiffe://bank-a/user/1' },
      { spiffeId: 'spiffe://bank-a' },
      { spiffeId: 'spiffe://bank-b/x' },
      { parentId: 'spiffe://bank-b/x' },
      { selectors: [] },
    ];
    for (const extra of bad) {
      await assert.rejects(
        registry.commit('bank-a', [entry('good'), entry('bad', extra)]),
        (error) => faultCode(error) === 'ENTRY_INVALID',
      );
    }
    assert.deepEqual(registry.entries('bank-a'), []);
    assert.equal(registry.revision('bank-a'), 1);
  }));

test('of a hundred who redeem one join token exactly one becomes an agent', () =>
  inDirectory(async (directory) => {
    const registry = await open(directory);
    await registry.commit('bank-a', [domain]);
    const { token } = await registry.createJoinToken('bank-a', 60, 'spiffe://bank-a/node/local');
    const agent = (index: number) => agentOf(`${index}`);
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => registry.redeemJoinToken(token, agent(index))),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal((await open(directory)).agents('bank-a').length, 1);
  }));

test('a join token is refused one millisecond after its time and in another trust domain', () =>
  inDirectory(async (directory) => {
    const clock = new ManualClock();
    const registry = await open(directory, clock);
    await registry.commit('bank-a', [domain]);
    const { token } = await registry.createJoinToken('bank-a', 60, undefined);
    await assert.rejects(
      registry.peekJoinToken('bank-b', token),
      (error) => faultCode(error) === 'AGENT_TOKEN_INVALID',
    );
    clock.advance(59_999);
    await registry.peekJoinToken('bank-a', token);
    clock.advance(1);
    await assert.rejects(
      registry.peekJoinToken('bank-a', token),
      (error) => faultCode(error) === 'AGENT_TOKEN_INVALID',
    );
  }));

test('an agent serves the descendants of its id, its alias and its node entries, and nothing else', () =>
  inDirectory(async (directory) => {
    const registry = await open(directory);
    const agent = agentOf('x', {
      alias: 'spiffe://bank-a/node/local',
      selectors: ['k8s_psat:cluster:a', 'k8s_psat:agent_ns:b'],
    });
    const node = (id: string, selectors: readonly string[]) =>
      entry(id, { parentId: 'spiffe://bank-a/spire/server', selectors });
    await registry.commit('bank-a', [
      domain,
      entry('below', { parentId: 'spiffe://bank-a/child' }),
      entry('child'),
      entry('other', { parentId: 'spiffe://bank-a/node/elsewhere' }),
      entry('direct', { parentId: agent.id }),
      node('cluster-a', ['k8s_psat:cluster:a']),
      node('cluster-b', ['k8s_psat:cluster:a', 'k8s_psat:cluster:b']),
      entry('in-a', { parentId: 'spiffe://bank-a/cluster-a' }),
      entry('in-b', { parentId: 'spiffe://bank-a/cluster-b' }),
    ]);
    assert.deepEqual(
      registry
        .entriesOfAgent(agent)
        .map(({ body }) => body.id)
        .sort(),
      ['below', 'child', 'direct', 'in-a'],
    );
    // Asked for one by one it is the same answer.
    for (const { id } of registry.entries('bank-a'))
      assert.equal(
        registry.findEntryOfAgent(agent, id) !== undefined,
        ['below', 'child', 'direct', 'in-a'].includes(id),
        id,
      );
    assert.equal(registry.findEntryOfAgent(agent, 'nothing'), undefined);
    // Entries that stand above each other in a circle end the search.
    const circle = [
      entry('one', { parentId: 'spiffe://bank-a/two' }),
      entry('two', { parentId: 'spiffe://bank-a/one' }),
    ];
    await registry.commit('bank-a', circle);
    assert.equal(registry.findEntryOfAgent(agent, 'one'), undefined);
    assert.equal(registry.entriesOfAgent(agent).length, 4);
  }));

test('a store of a newer version is refused with a sentence', () =>
  inDirectory(async (directory) => {
    const file = join(directory, 'registry.db');
    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    await assert.rejects(SqliteStore.open(file), (error) => faultCode(error) === 'STORE_SCHEMA_NEWER');
  }));

const receipt = (id: string, extra: Partial<Receipt> = {}): Receipt => ({
  id: id.padStart(32, '0'),
  txn: 'a'.repeat(32),
  span: id.padStart(16, '0'),
  kind: 'service',
  trustDomain: 'bank-a',
  effect: 'allow',
  code: 'ALLOWED',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationUs: 1,
  ...extra,
});

test('a receipt is written once, whoever reports it how often', () =>
  inDirectory(async (directory) => {
    const ledger = new Ledger(await SqliteLedgerStore.open(join(directory, 'ledger.db')));
    await Promise.all([
      ledger.append([receipt('1'), receipt('2'), receipt('1')]),
      ledger.append([receipt('2'), receipt('3')]),
    ]);
    assert.deepEqual((await ledger.transactionOf('a'.repeat(32))).length, 3);
    assert.deepEqual((await ledger.transactionOf('1'.padStart(32, '0'))).length, 3);
    const [result] = await ledger.verify();
    assert.equal(result?.receipts, 3);
    assert.equal(result?.brokenAt, undefined);
    assert.notEqual(result?.head, EMPTY_HEAD);
  }));

test('a receipt that says to be new and is in the ledger is written once all the same, and those beside it too', () =>
  inDirectory(async (directory) => {
    const ledger = new Ledger(await SqliteLedgerStore.open(join(directory, 'ledger.db')));
    await ledger.appendNew([receipt('1')]);
    await Promise.all([
      ledger.appendNew([receipt('1'), receipt('2')]),
      ledger.append([receipt('2'), receipt('3')]),
      ledger.appendNew([receipt('4')]),
    ]);
    assert.deepEqual((await ledger.recent(10)).map(({ id }) => Number(id)).sort(), [1, 2, 3, 4]);
    const [result] = await ledger.verify();
    assert.equal(result?.brokenAt, undefined);
  }));

test('a receipt of one trust domain cannot suppress one of another by taking its id', () =>
  inDirectory(async (directory) => {
    const ledger = new Ledger(await SqliteLedgerStore.open(join(directory, 'ledger.db')));
    await ledger.append([receipt('1', { trustDomain: 'bank-b' })]);
    await ledger.append([receipt('1'), receipt('1', { trustDomain: 'bank-b' })]);
    assert.deepEqual(
      (await ledger.verify()).map(({ trustDomain, receipts }) => [trustDomain, receipts]),
      [
        ['bank-a', 1],
        ['bank-b', 1],
      ],
    );
    assert.equal((await ledger.transactionOf('a'.repeat(32))).length, 2);
  }));

for (const [what, sql] of [
  ['changed', `UPDATE record SET body = replace(body, 'ALLOWED', 'POLICY_DENIED') WHERE position = 2`],
  ['dropped', 'DELETE FROM record WHERE position = 2'],
  ['given another transaction', `UPDATE record SET txn = 'b' WHERE position = 2`],
  ['given another hash', `UPDATE record SET hash = '${'0'.repeat(64)}' WHERE position = 2`],
] as const) {
  test(`a record that was ${what} is found by verification`, () =>
    inDirectory(async (directory) => {
      const file = join(directory, 'ledger.db');
      const ledger = new Ledger(await SqliteLedgerStore.open(file));
      await ledger.append(['1', '2', '3', '4', '5'].map((id) => receipt(id)));
      const attacker = new DatabaseSync(file);
      attacker.exec(sql);
      attacker.close();
      assert.equal((await ledger.verify())[0]?.brokenAt, 2);
    }));
}

test('attack: who knows the id of a denial does not keep it out of the ledger by reporting another receipt of that id', () =>
  inDirectory(async (directory) => {
    const ledger = new Ledger(await SqliteLedgerStore.open(join(directory, 'ledger.db')));
    const forged = receipt('1', { effect: 'allow' });
    const denial = receipt('1', { effect: 'deny', code: 'POLICY_DENIED' });
    await ledger.append([forged]);
    await ledger.append([denial, denial]);
    await ledger.append([receipt('2'), denial, forged, receipt('2', { effect: 'deny' })]);
    const kept = await ledger.recent(10);
    assert.deepEqual(
      kept.map(({ effect }) => effect),
      ['deny', 'allow', 'deny', 'allow'],
    );
    assert.equal(kept[2]?.code, 'POLICY_DENIED');
    assert.equal(kept[2]?.detail?.idAsReported, forged.id);
    // Who knows what the other will say takes that id, too: the report is taken, and holds up none behind it.
    const id = kept[2]?.id ?? '';
    const other = new Ledger(await SqliteLedgerStore.open(join(directory, 'other.db')));
    await other.append([forged, { ...forged, id }]);
    await other.append([denial, receipt('3')]);
    assert.equal((await other.recent(10)).length, 3);
    assert.ok((await ledger.verify()).every(({ brokenAt }) => brokenAt === undefined));
  }));

test('a chain is ordered by caller before callee, whatever the clocks say', () => {
  const edge = receipt('1', { startedAt: '2026-01-01T00:00:09.000Z' });
  const gateway = receipt('2', { parentSpan: edge.span, startedAt: '2026-01-01T00:00:05.000Z' });
  const late = receipt('3', { parentSpan: gateway.span, startedAt: '2026-01-01T00:00:02.000Z' });
  const early = receipt('4', { parentSpan: gateway.span, startedAt: '2026-01-01T00:00:01.000Z' });
  assert.deepEqual(orderLinks([late, early, gateway, edge]), [edge, gateway, early, late]);
});

test('spans that name each other in a circle are not lost', () => {
  const one = receipt('1', { parentSpan: '2'.padStart(16, '0') });
  const two = receipt('2', { parentSpan: '1'.padStart(16, '0') });
  assert.equal(orderLinks([one, two]).length, 2);
});

test('attack: a chain of any depth is put in order', () => {
  const span = (index: number): string => index.toString(16).padStart(16, '0');
  const links = Array.from({ length: 50_000 }, (_, index) => ({
    ...receipt('a'),
    span: span(index + 1),
    ...(index === 0 ? {} : { parentSpan: span(index) }),
  }));
  assert.deepEqual(orderLinks(links.toReversed()), links);
});
