import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyManagerContract } from '#authority';
import { faultCode, Secret } from '#kernel';
import { SqliteStore } from '#plugins/store/sqlite';
import { parseTrustDomain } from '#spiffe';
import { StoreKeyManager } from './index.ts';

const trustDomain = parseTrustDomain('bank-a');
const passphrase = new Secret('correct horse');

async function withStore(run: (store: SqliteStore, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'store-keys-'));
  const store = await SqliteStore.open(join(directory, 'registry.db'));
  try {
    await run(store, directory);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true });
  }
}

test('keys in a store keep the contract', () =>
  withStore((store) =>
    keyManagerContract(() => StoreKeyManager.open(store, trustDomain, passphrase), ['ec-p256', 'ec-p384', 'rsa-2048']),
  ));

test('servers of one store share keys and seal, each trust domain has its own, and the store can read none', () =>
  withStore(async (store, directory) => {
    const open = (secret = passphrase, name = trustDomain) => StoreKeyManager.open(store, name, secret);
    const [one, two] = await Promise.all([open(), open()]);
    const spki = await one.generate('one', 'ec-p256');
    assert.ok((await two.find('one'))?.equals(spki));
    assert.ok(await two.sign('one', Buffer.from('x')));
    const outcomes = await Promise.allSettled([one.generate('two', 'ec-p256'), two.generate('two', 'ec-p256')]);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(await (await open(new Secret('other'), parseTrustDomain('bank-b'))).find('one'), undefined);
    await assert.rejects(open(new Secret('battery staple')), (error) => faultCode(error) === 'KEY_UNREADABLE');
    await assert.rejects(one.generate('seal', 'ec-p256'), (error) => faultCode(error) === 'ALREADY_EXISTS');
    for (const file of readdirSync(directory))
      assert.doesNotMatch(readFileSync(join(directory, file), 'latin1'), /PRIVATE KEY/);
  }));
