import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openssl, startStranger } from '../../src/gate/stranger.harness.ts';

const root = join(import.meta.dirname, '..', '..');

interface Outcome {
  readonly status: number;
  readonly said: string;
}

function up(databaseUrl: string, directory: string): Promise<Outcome> {
  const args = ['up', join(root, 'examples/bank/hauberk.yaml'), '--check', '--json', '--run-dir', directory];
  const env = { ...process.env, DATABASE_URL: databaseUrl };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { env }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), said: `${stdout}${stderr}` }),
    );
  });
}

test('the whole story holds on a stranger’s PostgreSQL, by TLS, as an owner who is no superuser', {
  skip: openssl,
}, async () => {
  const stranger = await startStranger(undefined);
  const directory = mkdtempSync(join(tmpdir(), 'hb-'));
  try {
    await stranger.query("CREATE ROLE operator LOGIN CREATEROLE PASSWORD 'operators own'");
    await stranger.query('CREATE DATABASE theirs OWNER operator');
    const wrong = await up(stranger.url('operator:wrong%20one', 'theirs'), join(directory, 'wrong'));
    assert.notEqual(wrong.status, 0);
    assert.match(wrong.said, /does not take the password of "operator"/);
    assert.ok(!wrong.said.includes('wrong one') && !wrong.said.includes('wrong%20one'));
    const { status, said } = await up(stranger.url('operator:operators%20own', 'theirs'), join(directory, 'run'));
    assert.equal(status, 0, said.slice(-3000));
    assert.ok(!said.includes('operators own') && !said.includes('operators%20own'));
  } finally {
    await stranger.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
