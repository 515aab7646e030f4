import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { startServer } from '#server';

const directory = mkdtempSync(join(tmpdir(), 'hb-'));
after(() => rmSync(directory, { recursive: true }));

function hauberk(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: '/usr/bin:/bin' };
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], { encoding: 'utf8', env });
}

function configure(name: string) {
  const config = {
    dataDir: join(directory, name),
    adminSocket: join(directory, `${name}.sock`),
    sync: { host: '127.0.0.1', port: 0 },
  };
  const file = join(directory, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  return { config, file };
}

test('backup, upgrade and restore are commands: what they did in a line, what stands in the way by its code', async () => {
  const [first, second] = [configure('first'), configure('second')];
  const backup = join(directory, 'backup');
  const missing = hauberk('backup', '--config', first.file, backup);
  assert.equal(missing.status, 66);
  assert.match(missing.stderr, /^hauberk: NOT_FOUND: [^\n]+\n$/);
  mkdirSync(first.config.dataDir);
  const options = { clock: systemClock, random: systemRandom, log: silentLog };
  const server = await startServer({ ...first.config, ...options });
  const done = hauberk('backup', '--config', first.file, backup);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /^0 rows in .+; private keys on its disk are not among them\n$/);
  await server.close();
  assert.match(hauberk('backup', '--config', first.file, backup).stderr, /ALREADY_EXISTS/);
  const upgraded = hauberk('upgrade', '--config', first.file);
  assert.equal(upgraded.status, 0, upgraded.stderr);
  assert.match(upgraded.stdout, /registry\.db has schema 2\n.*ledger\.db has schema 1\n/);
  assert.equal(hauberk('restore', '--config', second.file, backup).status, 0);
  assert.ok(existsSync(join(second.config.dataDir, 'registry.db')));
  assert.match(hauberk('restore', '--config', second.file, backup).stderr, /ALREADY_EXISTS/);
  writeFileSync(backup, 'else\n');
  assert.equal(hauberk('restore', '--config', configure('third').file, backup).status, 65);
});
