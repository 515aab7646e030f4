import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, isFault } from '#kernel';
import { type KeyFile, readKeyFiles, stageKeyFiles } from './key-files.ts';

async function withRoot(run: (root: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'keys-'));
  try {
    await run(join(directory, 'keys'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const KEY: KeyFile = { path: 'bank-a/x509-1.key', content: 'secret' };
async function all(root: string): Promise<readonly KeyFile[]> {
  const files: KeyFile[] = [];
  for await (const file of readKeyFiles(root)) files.push(file);
  return files;
}

const is = (code: string) => (error: unknown) => faultCode(error) === code;

test('keys that are staged stand when they are kept, and are gone when they are dropped', () =>
  withRoot(async (root) => {
    await (await stageKeyFiles(root, [KEY])).drop();
    assert.deepEqual(await all(root), []);
    await (await stageKeyFiles(root, [KEY])).keep();
    assert.deepEqual(await all(root), [KEY]);
    await assert.rejects(stageKeyFiles(root, [KEY]), is('ALREADY_EXISTS'));
  }));

test('keys that cannot be moved to their place are told of by where they are: a server without them would make new ones', () =>
  withRoot(async (root) => {
    const { keep } = await stageKeyFiles(root, [KEY]);
    renameSync(`${root}.restoring`, `${root}.elsewhere`);
    await assert.rejects(
      keep(),
      (error) => isFault(error) && error.code === 'DIRECTORY_UNWRITABLE' && error.message.includes(`${root}.restoring`),
    );
    assert.ok(existsSync(`${root}.elsewhere`));
  }));

test('attack: a backup puts no file beside the keys of trust domains', () =>
  withRoot(async (root) => {
    for (const path of [
      '../x.key',
      'bank-a/../../x.key',
      'bank-a/x',
      'Bank-A/x.key',
      'bank-a/.key',
      'x.key',
      '/x/x.key',
    ])
      await assert.rejects(stageKeyFiles(root, [{ path, content: '' }]), is('BACKUP_INVALID'));
  }));
