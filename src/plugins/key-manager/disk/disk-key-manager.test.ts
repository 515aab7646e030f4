import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { journalContract, keyManagerContract } from '#authority';
import { faultCode, Secret } from '#kernel';
import { DiskKeyManager, diskJournal } from './index.ts';

const passphrase = new Secret('correct horse');
const DATA = Buffer.from('signed part');

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'keys-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('keys on disk, sealed, keep the contract', () =>
  inDirectory((directory) =>
    keyManagerContract(() => DiskKeyManager.open(directory, { passphrase }), ['ec-p256', 'ec-p384', 'rsa-2048']),
  ));

test('the journal on disk keeps the contract, in a file of mode 0600', () =>
  inDirectory(async (directory) => {
    const file = join(directory, 'journal.json');
    await journalContract(async () => diskJournal(file));
    assert.equal(statSync(file).mode & 0o777, 0o600);
  }));

test('names that leave the directory are refused', () =>
  inDirectory(async (directory) => {
    const manager = await DiskKeyManager.open(directory);
    for (const name of ['../x', 'a/b', '', '.x', 'a\0'])
      await assert.rejects(manager.generate(name, 'ec-p256'), (error) => faultCode(error) === 'ARGUMENT_INVALID');
  }));

test('a sealed key opens with its passphrase alone, and under its name alone', () =>
  inDirectory(async (directory) => {
    const spki = await (await DiskKeyManager.open(directory, { passphrase })).generate('one', 'ec-p256');
    const again = await DiskKeyManager.open(directory, { passphrase });
    assert.ok((await again.find('one'))?.equals(spki));
    await assert.rejects(
      DiskKeyManager.open(directory, { passphrase: new Secret('battery staple') }),
      (error) => faultCode(error) === 'KEY_UNREADABLE',
    );
    const plain = await DiskKeyManager.open(directory);
    await assert.rejects(plain.find('one'), (error) => faultCode(error) === 'KEY_UNREADABLE');
    writeFileSync(join(directory, 'two.key'), readFileSync(join(directory, 'one.key')));
    assert.equal(await (await DiskKeyManager.open(directory, { passphrase })).find('two'), undefined);
  }));

test('no private key is readable in what is written with a passphrase; plain keys are sealed when they are used', () =>
  inDirectory(async (directory) => {
    const spki = await (await DiskKeyManager.open(directory)).generate('one', 'ec-p256');
    assert.match(readFileSync(join(directory, 'one.key'), 'utf8'), /PRIVATE KEY/);
    const sealed = await DiskKeyManager.open(directory, { passphrase });
    assert.ok((await sealed.find('one'))?.equals(spki));
    await sealed.generate('two', 'ec-p384');
    for (const name of readdirSync(directory)) {
      assert.doesNotMatch(readFileSync(join(directory, name), 'utf8'), /PRIVATE KEY/);
      assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
    }
  }));

test('a write that a crash cut off is cleaned up; a damaged file is put aside and its key counts as lost', () =>
  inDirectory(async (directory) => {
    const manager = await DiskKeyManager.open(directory, { passphrase });
    await manager.generate('whole', 'ec-p256');
    await manager.generate('damaged', 'ec-p256');
    truncateSync(join(directory, 'damaged.key'), 40);
    writeFileSync(join(directory, 'cut.key.new'), 'half');
    const again = await DiskKeyManager.open(directory, { passphrase });
    assert.equal(await again.find('damaged'), undefined);
    await assert.rejects(
      async () => again.sign('damaged', DATA),
      (error) => faultCode(error) === 'NOT_FOUND',
    );
    assert.ok(await again.sign('whole', DATA));
    await again.generate('damaged', 'ec-p256');
    assert.deepEqual(readdirSync(directory).sort(), ['damaged.key', 'damaged.key.damaged', 'seal.json', 'whole.key']);
  }));
