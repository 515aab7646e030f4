// `npm run check`: types, lint, unused code, and the house. Runs all four, then says which failed.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const bin = join(import.meta.dirname, '..', 'node_modules', '.bin');
const steps: readonly (readonly [string, string, readonly string[]])[] = [
  ['types', join(bin, 'tsc'), ['-p', '.']],
  ['biome', join(bin, 'biome'), ['check', '--error-on-warnings', '.']],
  ['knip', join(bin, 'knip'), ['--no-progress']],
  ['house', process.execPath, ['--test', 'test/house/house.test.ts']],
];
const failed = steps.filter(([name, command, args]) => {
  process.stdout.write(`check: ${name}\n`);
  return (
    spawnSync(command, args, {
      stdio: 'inherit',
      env: { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH ?? ''}` },
    }).status !== 0
  );
});
if (failed.length > 0) {
  process.stderr.write(`check: failed: ${failed.map(([name]) => name).join(', ')}\n`);
  process.exit(1);
}
process.stdout.write('check: all clean\n');
