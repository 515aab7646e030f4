import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Child, spawnChild } from './child.ts';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-child-'));
after(() => rmSync(directory, { recursive: true }));

function start(script: string, more: object = {}): Promise<Child> {
  const env = { PATH: '/usr/bin:/bin' };
  const options = { name: 'test', cwd: directory, env, logFile: join(directory, 'log'), stdout: 'capture' } as const;
  return spawnChild({ ...options, command: ['/bin/sh', '-c', script], ...more });
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has reaped yet runs nothing.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function firstLine(child: Child): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text.trim();
}

test('runs nothing before it is let go, and passes the exit status on', async () => {
  const file = join(directory, 'ran');
  const child = await start(`echo ran > ${file}; exit 7`);
  assert.throws(() => readFileSync(file));
  child.go();
  assert.deepEqual(await child.exited, { status: 7, signal: null });
  assert.equal(readFileSync(file, 'utf8'), 'ran\n');
});

test('a child that is never let go ends when it is stopped', async () => {
  const child = await start('exit 0');
  await child.stop();
  assert.ok(!isAlive(child.pid));
});

test('the leader is a session leader, and the program is in its session without the lease', async () => {
  const child = await start('{ true <&3; } 2>/dev/null && echo lease; cut -d" " -f6 /proc/self/stat');
  child.go();
  assert.equal(await firstLine(child), String(child.pid));
});

test('hands standard input to the program', async () => {
  const child = await start('read word; echo "got $word"', { stdin: 'pipe' });
  child.go();
  child.stdin?.end('chain\n');
  assert.equal(await firstLine(child), 'got chain');
});

test('killing the leader kills the program', async () => {
  const child = await start('echo $$; sleep 1000');
  child.go();
  const pid = Number(await firstLine(child));
  process.kill(child.pid, 'SIGKILL');
  await until(() => !isAlive(pid), 'the program outlives its leader');
  assert.equal((await child.exited).signal, 'SIGKILL');
});

test('stop ends a program that ignores TERM', async () => {
  const child = await start('trap "" TERM; echo $$; while :; do sleep 0.1; done');
  child.go();
  const pid = Number(await firstLine(child));
  await child.stop(200);
  await until(() => !isAlive(pid), 'the program outlives its stop');
});

test('killing the starter with SIGKILL leaves no process behind', async () => {
  const file = join(directory, 'starter.ts');
  writeFileSync(
    file,
    `import { spawnChild } from ${JSON.stringify(join(import.meta.dirname, 'child.ts'))};
    const child = await spawnChild({ name: 'x', cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdout: 'capture',
      command: ['/bin/sh', '-c', 'trap "" TERM; echo $$; sleep 1000; sleep 1000'] });
    child.go();
    child.stdout.on('data', (chunk) => console.log(child.pid, String(chunk).trim()));`,
  );
  const starter = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) => starter.stdout.once('data', (chunk) => resolve(String(chunk))));
  const pids = line.trim().split(' ').map(Number);
  assert.equal(pids.length, 2);
  starter.kill('SIGKILL');
  await until(() => pids.every((pid) => !isAlive(pid)), 'a child outlives its starter');
});
