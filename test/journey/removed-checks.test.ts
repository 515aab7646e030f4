import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECKS, type RemovedCheck } from './removed-checks.ts';

const root = join(import.meta.dirname, '..', '..');
const STORY_MILLIS = 110_000;

interface Outcome {
  readonly status: number | null;
  /** Names of the denials that did not come as expected. */
  readonly failed: readonly string[];
  readonly said: string;
}

/** Plays the story from a copy of the source, in which `removed` is patched out. */
function play(removed?: RemovedCheck): Outcome {
  const directory = mkdtempSync(join(tmpdir(), 'hb-'));
  try {
    const copy = join(directory, 'copy');
    for (const part of ['src', 'examples', 'package.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    if (removed !== undefined) patch(join(copy, removed.file), removed);
    const args = [
      join(copy, 'src/cli/main.ts'),
      'up',
      join(copy, 'examples/bank/hauberk.yaml'),
      '--check',
      '--json',
      '--run-dir',
      join(directory, 'run'),
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: STORY_MILLIS,
      killSignal: 'SIGTERM',
    });
    return { status, failed: failedDenials(stdout), said: `${stderr.slice(-2000)}${stdout.slice(-500)}` };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function patch(file: string, { check, without, rule }: RemovedCheck): void {
  const parts = readFileSync(file, 'utf8').split(check);
  assert.equal(parts.length, 2, `the check "${rule}" stands ${parts.length - 1} times in ${file}`);
  writeFileSync(file, parts.join(without));
}

function failedDenials(stdout: string): readonly string[] {
  try {
    const { denials }: { denials?: readonly { name: string; ok: boolean }[] } = JSON.parse(stdout);
    return (denials ?? []).filter(({ ok }) => !ok).map(({ name }) => name);
  } catch {
    return [];
  }
}

test('with every check in its place the story holds', () => {
  const { status, said } = play();
  assert.equal(status, 0, said);
});

for (const removed of CHECKS) {
  test(`the story fails without the check: ${removed.rule}`, () => {
    const { status, failed, said } = play(removed);
    assert.ok(status !== null && status !== 0, `the story did not notice: ${said}`);
    const noticed = removed.noticedBy.length === 0 || removed.noticedBy.some((name) => failed.includes(name));
    assert.ok(noticed, `it failed elsewhere: ${failed.join(', ')} ${said}`);
  });
}
