import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authority, journalContract } from '#authority';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import { DiskKeyManager, diskJournal } from '#plugins/key-manager/disk';
import { SqliteStore } from '#plugins/store/sqlite';
import { parseTrustDomain } from '#spiffe';
import type { AuthorityConfig } from './authority-config.ts';
import { openAuthorityParts } from './authority-parts.ts';
import { storeJournal } from './store-journal.ts';

const trustDomain = parseTrustDomain('bank-a');
const clock = new ManualClock();

async function inDirectory(run: (directory: string, store: SqliteStore) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'parts-'));
  const store = await SqliteStore.open(join(directory, 'registry.db'));
  try {
    await run(directory, store);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true });
  }
}

async function open(dataDir: string, store: SqliteStore, config?: AuthorityConfig, sequenceFloor = 0) {
  const parts = await openAuthorityParts(trustDomain, {
    dataDir,
    store,
    clock,
    random: systemRandom,
    config,
    sequenceFloor,
  });
  const authority = new Authority({
    ...parts,
    trustDomain,
    clock,
    random: systemRandom,
    caTtlSeconds: 3600,
    sequenceFloor,
  });
  await authority.ready();
  await authority.close();
  return authority.bundle();
}

test('the journal in a store keeps the contract', () =>
  inDirectory((_, store) => journalContract(async () => storeJournal(store, trustDomain))));

test('a server that kept its journal in a file goes on with the same keys and sequence', () =>
  inDirectory(async (directory, store) => {
    const keys = join(directory, 'keys', 'bank-a');
    const old = new Authority({
      trustDomain,
      keyManager: await DiskKeyManager.open(keys),
      journal: diskJournal(join(keys, 'authority.json')),
      clock,
      random: systemRandom,
      caTtlSeconds: 3600,
    });
    await old.ready();
    await old.close();
    assert.deepEqual(await open(directory, store), old.bundle());
    assert.deepEqual(await open(directory, store), old.bundle());
  }));

test('a journal of the first version, a list of CAs, is read: its CA signs on', () =>
  inDirectory(async (directory, store) => {
    const first = await open(directory, store);
    const keys = join(directory, 'keys', 'bank-a');
    const slot = (await storeJournal(store, trustDomain).load())?.slots.find(({ kind }) => kind === 'x509');
    const { keyName, chain } = slot ?? assert.fail('no CA');
    const legacy = [{ keyName, state: 'active', certificate: chain[0], sequence: 7 }];
    const other = await SqliteStore.open(join(directory, 'other.db'));
    writeFileSync(join(keys, 'authority.json'), JSON.stringify(legacy));
    const bundle = await open(directory, other);
    assert.deepEqual(bundle.x509Authorities, first.x509Authorities);
    assert.ok(bundle.sequence > 7);
    writeFileSync(join(keys, 'authority.json'), '[{"keyName":1}]');
    const third = await SqliteStore.open(join(directory, 'third.db'));
    await assert.rejects(open(directory, third), (error) => faultCode(error) === 'CONFIG_UNREADABLE');
    await other.close();
    await third.close();
  }));

test('keys are sealed when a passphrase is configured; another passphrase, or none, does not start', () =>
  inDirectory(async (directory, store) => {
    const passphraseFile = join(directory, 'passphrase');
    const config: AuthorityConfig = { keys: { kind: 'disk', passphraseFile } };
    const refused = (attempt: Promise<unknown>, code: string) =>
      assert.rejects(attempt, (error) => faultCode(error) === code);
    await refused(open(directory, store, config), 'CONFIG_UNREADABLE');
    writeFileSync(passphraseFile, '\n');
    await refused(open(directory, store, config), 'CONFIG_UNREADABLE');
    writeFileSync(passphraseFile, 'correct horse\n');
    const bundle = await open(directory, store, config);
    assert.deepEqual(await open(directory, store, config), bundle);
    await refused(open(directory, store), 'KEY_UNREADABLE');
    writeFileSync(passphraseFile, 'battery staple');
    await refused(open(directory, store, config), 'KEY_UNREADABLE');
    // The journal tells of keys and holds none.
    assert.doesNotMatch(readFileSync(join(directory, 'registry.db'), 'latin1'), /PRIVATE KEY|hauberk-sealed/);
  }));

test('the sequence of the bundle never falls, not even when the journal is lost', () =>
  inDirectory(async (directory, store) => {
    const { sequence } = await open(directory, store);
    mkdirSync(join(directory, 'new'));
    const other = await SqliteStore.open(join(directory, 'new', 'registry.db'));
    assert.ok((await open(join(directory, 'new'), other, undefined, sequence)).sequence > sequence);
    await other.close();
  }));
