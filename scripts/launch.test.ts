import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'launch-'));
after(() => rmSync(scratch, { recursive: true }));

/** A checkout with nothing installed, whose `hauberk` prints that it runs. */
function checkout(name: string): string {
  const directory = join(scratch, name);
  for (const file of ['bin/hauberk.mjs', 'bin/launch.mjs', 'package.json', 'package-lock.json'])
    cpSync(join(root, file), join(directory, file));
  mkdirSync(join(directory, 'src/cli'), { recursive: true });
  writeFileSync(join(directory, 'src/cli/main.ts'), "process.stdout.write('it runs\\n');\n");
  chmodSync(scratch, 0o755);
  return directory;
}

/** This Node where every user may run it: the launcher's own lies in a folder of its owner's. */
function openRuntime(): string {
  const copy = join(scratch, 'node');
  if (!existsSync(copy)) cpSync(process.execPath, copy);
  chmodSync(copy, 0o755);
  return copy;
}

interface Situation {
  readonly path?: string;
  /** What `process.version` says. */
  readonly version?: string;
  readonly uid?: number;
}

function launch(directory: string, { path = '/usr/bin:/bin', version, uid }: Situation = {}) {
  const pretend = `Object.defineProperty(process, 'version', { value: 'v${version}' });
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;
  const preload = version === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`];
  const { status, stdout, stderr } = spawnSync(
    uid === undefined ? process.execPath : openRuntime(),
    [...preload, join(directory, 'bin/hauberk.mjs'), '--help'],
    {
      encoding: 'utf8',
      env: {
        PATH: path,
        HOME: scratch,
        npm_config_registry: 'http://127.0.0.1:9/',
        npm_config_cache: join(scratch, 'npm'),
      },
      ...(uid === undefined ? {} : { uid }),
    },
  );
  assert.ok(!stderr.includes('    at '), stderr);
  return { status, stdout, last: stderr.trim().split('\n').at(-1) ?? '' };
}

function install(directory: string, without = ''): void {
  for (const name of readdirSync(join(root, 'node_modules')).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(root, 'node_modules', name)).map((part) => `${name}/${part}`) : [name],
  )) {
    if (name === without || name.startsWith('.')) continue;
    mkdirSync(join(directory, 'node_modules', name), { recursive: true });
    writeFileSync(join(directory, 'node_modules', name, 'package.json'), '{}');
  }
}

test('a Node that is too old to go on gets one sentence', () => {
  const { status, last } = launch(checkout('old'), { version: '16.20.2' });
  assert.equal(status, 69);
  assert.match(last, /^hauberk: this is Node v16\.20\.2: install Node 20 or later/);
});

test('an older Node whose registry is away says so, and leaves nothing half brought', () => {
  const directory = checkout('away');
  const { status, last } = launch(directory, { version: '20.0.0' });
  assert.equal(status, 69);
  assert.match(last, /^hauberk: "npm pack" failed: the npm registry cannot be reached/);
  assert.deepEqual(readdirSync(join(directory, 'node_modules/.hauberk')), []);
});

test('without npm it is said that there is none', () => {
  const { status, last } = launch(checkout('no-npm'), { path: '/nowhere' });
  assert.deepEqual([status, last], [69, 'hauberk: "npm install" failed: there is no such program on this machine']);
});

test('a checkout that may not be written is told as such', {
  skip: process.getuid?.() !== 0 && 'needs root to be another user',
}, () => {
  const { status, last } = launch(checkout('read-only'), { uid: 65_534 });
  assert.equal(status, 69);
  assert.match(last, /read-only cannot be written by this user/);
});

test('what is installed whole is used as it is; what an interrupted installation left out is installed again', () => {
  const whole = checkout('whole');
  install(whole);
  assert.deepEqual(launch(whole, { path: '/nowhere' }), { status: 0, stdout: 'it runs\n', last: '' });
  const partial = checkout('partial');
  install(partial, 'jose');
  assert.equal(launch(partial, { path: '/nowhere' }).status, 69);
  assert.equal(existsSync(join(partial, 'node_modules/jose')), false);
});
