// A number counts only if taking its rule out of the source makes its test fail. Each rule is taken out in a process of its own, in which only
// the tests of that number run. ONLY='J-3 W-5' narrows the numbers.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { testedNumbers } from '../../scripts/spec-coverage.ts';
import { REMOVALS, type Removal } from './removals.ts';

const root = join(import.meta.dirname, '..', '..');
const AT_ONCE = 3;
/** What is the same in all processes is compiled once. */
const compiled = mkdtempSync(join(tmpdir(), 'removals-'));
after(() => rmSync(compiled, { recursive: true }));

/** What the tests of a number say without the rule, file by file until one fails. */
async function fails(removal: Removal): Promise<string | undefined> {
  let said = '';
  for (const file of testedNumbers().get(removal.number) ?? []) {
    said += await runWithout(removal, file);
    if (new RegExp(`^not ok \\d+ - ${removal.number} `, 'm').test(said)) return undefined;
  }
  return said.slice(-2000) || 'no test of this number';
}

function runWithout(removal: Removal, file: string): Promise<string> {
  const args = [
    `--import=${join(import.meta.dirname, 'without-rule.ts')}`,
    '--test-reporter=tap',
    '--test-force-exit',
    `--test-name-pattern=/^${removal.number} /`,
    '--test-timeout=20000',
    join(root, file),
  ];
  // What hangs without its rule has failed already, or is said to go unnoticed.
  const limits = { timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const;
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: compiled, WITHOUT_RULE: JSON.stringify(removal) };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, cwd: root, ...limits }, (_, stdout, stderr) =>
      resolve(`${stdout}${stderr}`),
    );
  });
}

test(`${REMOVALS.length} rules: the test of its number fails without each`, { timeout: 400_000 }, async () => {
  const unnoticed: string[] = [];
  const waiting = REMOVALS.filter(({ number }) => (process.env.ONLY ?? number).split(' ').includes(number));
  const work = async (): Promise<void> => {
    for (let removal = waiting.shift(); removal !== undefined; removal = waiting.shift()) {
      const said = await fails(removal);
      if (said !== undefined)
        unnoticed.push(`${removal.number} without "${removal.check}" in ${removal.file}:\n${said}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.equal(unnoticed.length, 0, unnoticed.join('\n\n'));
});
