import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { makeDataDirectory, makePrivateDirectory, readOptional, writePrivateFile } from './private-file.ts';

const skip = process.geteuid?.() === 0 ? false : 'only root can give files to another user';
const STRANGER = 65_534;

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'private-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const is = (code: string) => (error: unknown) => faultCode(error) === code;

test('attack: what stands where a key is staged, a link or a file of another name, is not written through', () =>
  withDirectory(async (directory) => {
    const [path, elsewhere] = [join(directory, 'a.key'), join(directory, 'elsewhere')];
    for (const plant of [symlinkSync, linkSync]) {
      writeFileSync(elsewhere, 'precious', { mode: 0o644 });
      plant(elsewhere, `${path}.new`);
      await writePrivateFile(path, 'secret');
      assert.equal(readFileSync(elsewhere, 'utf8'), 'precious');
      assert.equal(readFileSync(path, 'utf8'), 'secret');
      assert.equal(statSync(path).mode & 0o777, 0o600);
    }
  }));

test('attack: a key that is a link is replaced, not what it leads to', () =>
  withDirectory(async (directory) => {
    const [path, elsewhere] = [join(directory, 'a.key'), join(directory, 'elsewhere')];
    writeFileSync(elsewhere, 'precious');
    symlinkSync(elsewhere, path);
    await writePrivateFile(path, 'secret');
    assert.equal(readFileSync(elsewhere, 'utf8'), 'precious');
  }));

test('attack: a key that another user has put there is not read', { skip }, () =>
  withDirectory(async (directory) => {
    const path = join(directory, 'a.key');
    writeFileSync(path, 'planted');
    assert.equal(await readOptional(path), 'planted');
    chownSync(path, STRANGER, STRANGER);
    await assert.rejects(readOptional(path), is('CONFIG_UNREADABLE'));
    assert.equal(await readOptional(join(directory, 'none')), undefined);
  }),
);

test('attack: a directory of another user holds neither keys nor data', { skip }, () =>
  withDirectory(async (directory) => {
    const path = join(directory, 'data');
    mkdirSync(path, { mode: 0o700 });
    makeDataDirectory(path);
    await makePrivateDirectory(path);
    chownSync(path, STRANGER, STRANGER);
    assert.throws(() => makeDataDirectory(path), is('DIRECTORY_UNWRITABLE'));
    await assert.rejects(makePrivateDirectory(path), is('DIRECTORY_UNWRITABLE'));
  }),
);

test('attack: a directory to which others may write holds no data; one for keys is closed to them', () =>
  withDirectory(async (directory) => {
    for (const mode of [0o777, 0o1777, 0o770]) {
      chmodSync(directory, mode);
      assert.throws(() => makeDataDirectory(directory), is('DIRECTORY_UNWRITABLE'));
    }
    await makePrivateDirectory(directory);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    chmodSync(directory, 0o755);
    makeDataDirectory(directory);
  }));
