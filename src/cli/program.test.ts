import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const directory = mkdtempSync(join(tmpdir(), 'hc-'));
after(() => rmSync(directory, { recursive: true }));

function hauberk(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: '/usr/bin:/bin', XDG_RUNTIME_DIR: directory };
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], { encoding: 'utf8', env });
}

test('an unknown command or option is a usage error, and help is not', () => {
  assert.equal(hauberk('upp').status, 64);
  assert.equal(hauberk('up', 'x.yaml', '--chek').status, 64);
  assert.equal(hauberk('--help').status, 0);
});

test('a fault is one sentence with its code on standard error, and the exit status of its code', () => {
  const { status, stdout, stderr } = hauberk('up', join(directory, 'none.yaml'));
  assert.equal(status, 78);
  assert.equal(stdout, '');
  assert.match(stderr, /^hauberk: CONFIG_UNREADABLE: [^\n]+\n$/);
});

test('a wrong environment lists every problem with file and line, and starts nothing', () => {
  const file = join(directory, 'wrong.yaml');
  writeFileSync(file, 'apiVersion: hauberk.dev/v1\nkind: Environment\nmetadata: { nam: x }\nspec:\n  documents: []\n');
  const { status, stderr } = hauberk('up', file);
  assert.equal(status, 78);
  for (const part of ['wrong.yaml:3: metadata.nam:', '(did you mean "name"?)', 'wrong.yaml:5: spec.documents:']) {
    assert.ok(stderr.includes(part), `${part} in ${stderr}`);
  }
});

test('commands that need a running environment say that there is none', () => {
  for (const words of [
    ['status'],
    ['why', 'x'],
    ['entry', 'list'],
    ['ledger', 'verify'],
    ['run', '--as', 'a/b', '--', 'true'],
  ]) {
    const { status, stderr } = hauberk(...words);
    assert.equal(status, 66, words.join(' '));
    assert.match(stderr, /NOT_FOUND/);
  }
});

test('a socket that nobody listens on is a fault, not a stack trace', () => {
  const { status, stderr } = hauberk('why', 'x', '--socket', join(directory, 'none.sock'));
  assert.notEqual(status, 0);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
});
