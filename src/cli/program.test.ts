import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Command } from 'commander';
import { commandLine } from './program.ts';

const directory = mkdtempSync(join(tmpdir(), 'hc-'));
after(() => rmSync(directory, { recursive: true }));

const modules = join(import.meta.dirname, '..', '..', 'node_modules');
const unwritable = !isWritable(modules) && `${modules} cannot be written`;

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function hauberk(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: '/usr/bin:/bin', XDG_RUNTIME_DIR: directory };
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], { encoding: 'utf8', env });
}

test('an unknown command or option is a usage error, and help is not', () => {
  assert.equal(hauberk('upp').status, 64);
  assert.equal(hauberk('up', 'x.yaml', '--chek').status, 64);
  assert.equal(hauberk('--help').status, 0);
  assert.match(hauberk('statu').stderr, /Did you mean status\?/);
  assert.match(hauberk('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});

test('every command says what it is for, and every option what it does', () => {
  const silent = (command: Command): readonly string[] => [
    ...(command.description() === '' ? [command.name()] : []),
    ...command.options.filter(({ description }) => description === '').map(({ long }) => `${command.name()} ${long}`),
    ...command.commands.flatMap(silent),
  ];
  assert.deepEqual(silent(commandLine()), []);
});

test('arguments that no command takes are refused with what it takes', () => {
  const words = ['--run-dir', directory];
  assert.equal(hauberk('receipts', '--limit', '0', ...words).status, 65);
  assert.equal(hauberk('explain', 'identity', ...words).status, 65);
  assert.equal(hauberk('explain', 'identity', '--pid', '-1', ...words).status, 65);
  assert.equal(hauberk('why', 'abc', '--socket', join(directory, 'none.sock')).status, 65);
});

test('entry apply takes entries only', () => {
  const file = join(directory, 'domain.yaml');
  writeFileSync(file, 'apiVersion: hauberk.dev/v1\nkind: TrustDomain\nmetadata: { name: x }\nspec: {}\n');
  const { status, stderr } = hauberk('entry', 'apply', '-f', file);
  assert.equal(status, 78);
  assert.match(stderr, /domain\.yaml:1: kind: expected Entry, found TrustDomain/);
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
    ['entry', 'lint'],
    ['entry', 'show', 'x', '--trust-domain', 'a'],
    ['doctor'],
    ['receipts'],
    ['explain', 'identity', '--pid', '1'],
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

test('what a command compiled is kept beside the packages for the next one', { skip: unwritable }, () => {
  assert.equal(hauberk('--version').status, 0);
  assert.ok(readdirSync(join(modules, '.cache', 'hauberk', 'compiled')).length > 0);
});

const asRoot = process.getuid?.() === 0 && 'root may read everything';

test('a user who may not use the admin socket is told so, by every command and by doctor', { skip: asRoot }, () => {
  const closed = join(directory, 'closed');
  mkdirSync(closed);
  chmodSync(closed, 0);
  try {
    const { status, stderr } = hauberk('status', '--socket', join(closed, 'admin.sock'), '--run-dir', closed);
    assert.notEqual(status, 0);
    assert.doesNotMatch(stderr, /\n {4}at /);
    const listed = hauberk('entry', 'list', '--socket', join(closed, 'admin.sock'));
    assert.equal(listed.status, 69);
    assert.match(listed.stderr, /admin\.sock: this user may not connect to it\n$/);
    const looked = hauberk('doctor', '--run-dir', closed);
    assert.equal(looked.status, 69);
    assert.match(looked.stdout, /FAILED .*admin\.sock: this user may not look there/);
  } finally {
    chmodSync(closed, 0o700);
  }
});
