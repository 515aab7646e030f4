import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
// npm finds its configuration beside the Node that it was installed with, so it is found on PATH as the user's own.
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:${dirname(process.execPath)}` };

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

test('what npm pack makes installs into an empty project, its SDK is imported and its command runs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pack-'));
  try {
    run(process.execPath, [join(root, 'scripts', 'build.ts')], root);
    const packed = run(
      'npm',
      ['pack', join(root, 'dist', 'hauberk'), '--pack-destination', directory, '--silent'],
      directory,
    );
    writeFileSync(join(directory, 'package.json'), '{"private":true,"type":"module"}');
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', join(directory, packed.trim().split('\n').at(-1) ?? ''), ...quiet], directory);
    const probe =
      "import { connectWorkload } from 'hauberk/sdk'; try { await connectWorkload(); } catch (error) { console.log(error.code); }";
    assert.equal(run(process.execPath, ['--input-type=module', '-e', probe], directory).trim(), 'CONFIG_INVALID');
    const bin = join(directory, 'node_modules', 'hauberk', 'bin', 'hauberk.js');
    assert.match(run(process.execPath, [bin, '--help'], directory), /\bup\b[\s\S]*\bwhy\b/);
    assert.ok(
      !existsSync(join(directory, 'node_modules', 'hauberk', 'src', 'cli', 'main.ts')),
      'no TypeScript is published',
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
