// `npm test [-- PATTERN…]`: every test of the repository, straight from source; arguments narrow the files by substring.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const wanted = process.argv.slice(2);
const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts', 'examples/**/*.test.ts'], {
  exclude: (path) => path.includes('node_modules'),
}).sort();
const chosen = wanted.length === 0 ? files : files.filter((file) => wanted.some((part) => file.includes(part)));
if (chosen.length === 0) {
  process.stderr.write('no test file matches\n');
  process.exit(66);
}
const result = spawnSync(process.execPath, ['--test', '--test-concurrency=2', '--test-timeout=240000', ...chosen], {
  stdio: 'inherit',
});
process.exit(result.status ?? 1);
