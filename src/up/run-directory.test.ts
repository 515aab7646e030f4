import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimRunDirectory, findLiveRunDirectories, runRoot } from './run-directory.ts';

const directory = mkdtempSync(join(tmpdir(), 'hr-'));
after(() => rmSync(directory, { recursive: true }));
const uid = process.getuid?.() ?? 0;

test('lies below XDG_RUNTIME_DIR, else below /tmp, whatever TMPDIR says', () => {
  assert.equal(runRoot({ uid: 7, inherited: {}, runtimeDirectory: directory }), join(directory, 'hauberk'));
  assert.equal(runRoot({ uid: 7, inherited: { TMPDIR: '/var/x' } }), '/tmp/hauberk-7');
  assert.equal(runRoot({ uid: 7, inherited: {}, runtimeDirectory: '/nowhere' }), '/tmp/hauberk-7');
});

test('is claimed once; a second claim is refused until the first is released', () => {
  const path = join(directory, 'once');
  const first = claimRunDirectory(path, 'once', uid);
  assert.deepEqual(findLiveRunDirectories(directory), [path]);
  assert.throws(() => claimRunDirectory(path, 'once', uid), { code: 'ALREADY_EXISTS' });
  first.release();
  claimRunDirectory(path, 'once', uid).release();
  assert.deepEqual(findLiveRunDirectories(directory), []);
});

test('a claim of a dead process, or of another program with its pid, does not hold', () => {
  const path = join(directory, 'stale');
  claimRunDirectory(path, 'stale', uid).release();
  writeFileSync(join(path, 'up.pid'), `${process.pid} 1\n`);
  claimRunDirectory(path, 'stale', uid).release();
});

test('a path whose sockets would be too long is refused before anything is made', () => {
  assert.throws(() => claimRunDirectory(join(directory, 'x'.repeat(90)), 'x', uid), { code: 'SOCKET_PATH_TOO_LONG' });
});

test('a directory that cannot be made, and one of another user, are refused', () => {
  writeFileSync(join(directory, 'file'), '');
  assert.throws(() => claimRunDirectory(join(directory, 'file', 'x'), 'x', uid), { code: 'DIRECTORY_UNWRITABLE' });
  assert.throws(() => claimRunDirectory(join(directory, 'other'), 'x', uid + 1), { code: 'DIRECTORY_UNWRITABLE' });
});

test('below /proc, where nothing can be made, the answer comes at once', {
  skip: process.platform !== 'linux' && 'no /proc',
}, () => {
  assert.throws(() => claimRunDirectory('/proc/none/x', 'x', uid), { code: 'DIRECTORY_UNWRITABLE' });
});
