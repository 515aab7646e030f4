import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { faultCode, silentLog } from '#kernel';
import { startPostgres } from './index.ts';

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'hbpg-'));
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it did not come to hold');
    await new Promise((next) => setTimeout(next, 20));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('starts, keeps its data over a restart, admits nobody without the password, ends when closed', async () => {
  const dir = temporary();
  try {
    for (const round of [1, 2]) {
      const server = await startPostgres({ dir, log: silentLog });
      const password = readFileSync(server.passwordFile, 'utf8');
      const login = { host: server.socketDir, port: server.port, user: server.superuser, database: 'postgres' };
      const client = new pg.Client({ ...login, password });
      await client.connect();
      await client.query('CREATE TABLE IF NOT EXISTS kept (round int)');
      await client.query('INSERT INTO kept VALUES ($1)', [round]);
      const { rows } = await client.query('SELECT count(*)::int AS n FROM kept');
      assert.equal(rows[0]?.n, round);
      await client.end();
      const guesser = new pg.Client({ ...login, password: 'guess' });
      await assert.rejects(guesser.connect(), { code: '28P01' });
      assert.match(readFileSync(server.logFile, 'utf8'), /password authentication failed for user "postgres"/);
      assert.equal(statSync(server.passwordFile).mode & 0o777, 0o600);
      assert.equal(statSync(server.socketDir).mode & 0o777, 0o700);
      await server.close();
      assert.equal(isAlive(server.pid), false);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('the server dies with its starter, even by SIGKILL', async () => {
  const dir = temporary();
  const program = `
    import { startPostgres } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const log = { debug() {}, info() {}, warn() {}, error() {}, child() { return log; } };
    const server = await startPostgres({ dir: ${JSON.stringify(dir)}, log });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  starter.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  try {
    await until(() => said.includes('\n'));
    const pid = Number(said);
    assert.ok(isAlive(pid));
    starter.kill('SIGKILL');
    await until(() => !isAlive(pid));
  } finally {
    starter.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
});

test('after its server was killed the same directory starts again', async () => {
  const dir = temporary();
  const first = await startPostgres({ dir, log: silentLog });
  process.kill(first.pid, 'SIGKILL');
  await first.close();
  const second = await startPostgres({ dir, log: silentLog });
  assert.ok(isAlive(second.pid));
  await second.close();
  rmSync(dir, { recursive: true, force: true });
});

test('starts below a directory that is closed to others', async () => {
  const dir = temporary();
  const server = await startPostgres({ dir: join(dir, 'inner', 'postgres'), log: silentLog });
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a directory whose socket path is too long is refused with its limit', async () => {
  const dir = join(tmpdir(), 'x'.repeat(100));
  await assert.rejects(startPostgres({ dir, log: silentLog }), (error) => faultCode(error) === 'SOCKET_PATH_TOO_LONG');
});
