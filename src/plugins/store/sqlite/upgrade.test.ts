import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import { Ledger } from '#ledger';
import { Registry } from '#registry';
import type { EntryResource } from '#wire';
import { SqliteLedgerStore, SqliteStore } from './index.ts';

/** Databases that version 0.1.0 wrote. */
async function withOld(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'upgrade-'));
  for (const name of ['registry-1.db', 'ledger-1.db'])
    copyFileSync(join(import.meta.dirname, 'testdata', name), join(directory, name));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a registry of version 1 is brought up: entries, revisions, agents and unused tokens are as they were', () =>
  withOld(async (directory) => {
    const store = await SqliteStore.open(join(directory, 'registry-1.db'));
    const registry = await Registry.open({ store, clock: new ManualClock(), random: systemRandom });
    assert.deepEqual([registry.revision('bank-a'), registry.revision('bank-b')], [2, 1]);
    assert.deepEqual(
      registry.entries('bank-a').map(({ id }) => id),
      ['edge'],
    );
    assert.deepEqual(registry.findAgent('spiffe://bank-a/spire/agent/join_token/x'), {
      id: 'spiffe://bank-a/spire/agent/join_token/x',
      trustDomain: 'bank-a',
      alias: 'spiffe://bank-a/node/local',
      attestationType: 'join_token',
      selectors: [],
      canReattest: false,
      banned: false,
      serial: '0a',
      previousSerial: '09',
      expiresAt: Date.UTC(2036, 0, 1),
    });
    const agent = registry.findAgent('spiffe://bank-a/spire/agent/join_token/x');
    assert.ok(agent);
    assert.equal(registry.entriesOfAgent(agent).length, 1);
    assert.equal((await registry.peekJoinToken('bank-a', 'unused-token')).alias, 'spiffe://bank-a/node/local');
    await registry.redeemJoinToken('unused-token', { ...agent, id: 'spiffe://bank-a/spire/agent/join_token/y' });
    const [edge] = registry.entries('bank-a');
    const again = { kind: 'Entry' as const, key: 'edge', body: edge };
    assert.equal((await registry.commit('bank-a', [again])).revision, 2, 'the same entry is no change');
    const changed = { ...again, body: { ...edge, hint: 'other' } };
    assert.equal((await registry.commit('bank-a', [changed])).revision, 3);
    assert.equal(registry.find<EntryResource>('Entry', 'bank-a', 'edge')?.hint, 'other');
    await registry.close();
    await store.close();
  }));

test('a ledger of version 1 still verifies and goes on', () =>
  withOld(async (directory) => {
    const store = await SqliteLedgerStore.open(join(directory, 'ledger-1.db'));
    const ledger = new Ledger(store);
    const [receipt] = await ledger.recent(1);
    assert.ok(receipt);
    await ledger.append([receipt, { ...receipt, id: 'f'.repeat(32) }]);
    const [verified] = await ledger.verify();
    assert.deepEqual([verified?.receipts, verified?.brokenAt], [4, undefined]);
    await store.close();
  }));

test('an upgrade that fails leaves the file as it was', () =>
  withOld(async (directory) => {
    const file = join(directory, 'registry-1.db');
    const spoiled = new DatabaseSync(file);
    spoiled.exec('CREATE TABLE receipt (other TEXT)');
    spoiled.close();
    await assert.rejects(SqliteStore.open(file), (error) => faultCode(error) !== undefined);
    const after = new DatabaseSync(file);
    assert.equal(after.prepare('PRAGMA user_version').get()?.user_version, 1);
    assert.equal(after.prepare('SELECT count(*) AS n FROM agent').get()?.n, 1);
    after.close();
  }));

test('a new database and what belongs to it are readable by their owner only', () =>
  withOld(async (directory) => {
    const file = join(directory, 'new.db');
    const store = await SqliteStore.open(file);
    await store.commit({ logs: [{ log: 'bank-a', expected: 0, changes: [] }] });
    for (const name of [file, `${file}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600, name);
    await store.close();
  }));
