import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertNoticed, storyFailsWithout } from './noticed.ts';
import { copyOfTheSource, without } from './patched-bank.ts';
import { CHECKS } from './removed-checks.ts';

const STORY_MILLIS = 110_000;

storyFailsWithout(CHECKS.filter(({ heldBy }) => heldBy?.includes('gate')));

for (const check of CHECKS.filter(({ heldBy }) => heldBy === undefined)) {
  test(`the story fails without the check: ${check.rule}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'hbp-'));
    try {
      const copy = copyOfTheSource(directory);
      writeFileSync(join(copy, check.file), without(copy, check));
      const up = [join(copy, 'src/cli/main.ts'), 'up', join(copy, 'examples/bank/hauberk.yaml')];
      const args = [...up, '--check', '--json', '--run-dir', join(directory, 'run')];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: STORY_MILLIS });
      assert.equal(status === 0, false, `the story did not notice: ${stderr}`);
      assertNoticed(check, { failures: [], ...JSON.parse(stdout) });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
