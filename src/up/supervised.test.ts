import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readyLine } from './ready.ts';
import { Supervised } from './supervised.ts';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-supervised-'));
after(() => rmSync(directory, { recursive: true }));
const logFile = join(directory, 'log');

function supervised(script: string, parts: { said?: string[]; registered?: number[] } = {}): Supervised {
  return new Supervised({
    name: 'thing',
    say: (line) => parts.said?.push(line),
    prepare: () => ({
      name: 'thing',
      command: ['/bin/sh', '-c', script],
      cwd: directory,
      env: { PATH: '/usr/bin:/bin' },
      logFile,
      stdout: 'capture',
    }),
    beforeGo: async (child) => void parts.registered?.push(child.pid),
    ready: async (child) => void (await readyLine(child, 'thing', logFile)),
  });
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'too late');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const SERVES = `echo '{"ready":true}'; sleep 1000`;

test('a process that is killed is started again, registered anew, and said so in one line each', async () => {
  const said: string[] = [];
  const registered: number[] = [];
  const thing = supervised(SERVES, { said, registered });
  await thing.start();
  const first = thing.pid ?? 0;
  process.kill(first, 'SIGKILL');
  await until(() => said.includes('thing is back'));
  assert.notEqual(thing.pid, first);
  assert.deepEqual(registered, [first, thing.pid]);
  assert.deepEqual(said, ['thing ended (SIGKILL); starting it again', 'thing is back']);
  await thing.close();
});

test('closing ends it for good', async () => {
  const said: string[] = [];
  const thing = supervised(SERVES, { said });
  await thing.start();
  await thing.close();
  assert.deepEqual(said, []);
  assert.equal(thing.pid, undefined);
});

test('the first start throws the fault that the process reports', async () => {
  const thing = supervised(`echo '{"fault":{"code":"PORT_OCCUPIED","message":"taken"}}'; sleep 0.2; exit 78`);
  await assert.rejects(thing.start(), { code: 'PORT_OCCUPIED' });
});

test('the first start throws when the process ends without a word, and names its log', async () => {
  const thing = supervised('echo trouble >&2; exit 3');
  await assert.rejects(thing.start(), (error: Error) => error.message.includes(logFile));
  assert.match(readFileSync(logFile, 'utf8'), /trouble/);
});
