import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { strip, strippedCopy } from './stripped-copy.ts';

const root = mkdtempSync(join(tmpdir(), 'hauberk-copy-'));
after(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

write(
  'package.json',
  JSON.stringify({
    name: 'hauberk',
    type: 'module',
    imports: { '#a': './src/a.ts' },
    exports: { './sdk': './src/sdk.ts' },
  }),
);
write('src/a.ts', "export const a: string = 'a';\n");
write('src/sdk.ts', "import { a } from '#a';\nexport const where: string = import.meta.filename + a;\n");
write('examples/bank/package.json', JSON.stringify({ name: 'bank', type: 'module' }));
write(
  'examples/bank/main.ts',
  "import { where } from 'hauberk/sdk';\nimport { x } from './x.ts';\nconsole.log(where, x);\n",
);
write('examples/bank/x.ts', 'export const x: number = 1;\n');
write('examples/bank/page.html', '<p>');
mkdirSync(join(root, 'node_modules'));
symlinkSync('..', join(root, 'node_modules', 'hauberk'));

test('keeps lines, and follows the new names of our own files only', () => {
  assert.equal(strip("import x from './x.ts';\nconst y: number = 1;"), "import x from './x.js';\nconst y         = 1;");
  assert.equal(strip("import('../a/b.ts'); const s = 'x.ts';"), "import('../a/b.js'); const s = 'x.ts';");
});

test('an example in the copy runs against the sdk of the copy', () => {
  const copy = strippedCopy(root, join(root, 'fallback'));
  const { stdout } = spawnSync(process.execPath, [join(copy, 'examples/bank/main.js')], { encoding: 'utf8' });
  assert.equal(stdout, `${join(copy, 'src/sdk.js')}a 1\n`);
});

test('one content, one copy; another content, another copy', () => {
  const first = strippedCopy(root, join(root, 'fallback'));
  assert.equal(strippedCopy(root, join(root, 'fallback')), first);
  write('src/a.ts', "export const a: string = 'b';\n");
  assert.notEqual(strippedCopy(root, join(root, 'fallback')), first);
});

test('lies in the fallback where the cache cannot be written', () => {
  rmSync(join(root, 'node_modules', '.cache'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.cache'), '');
  const copy = strippedCopy(root, join(root, 'fallback'));
  assert.ok(copy.startsWith(join(root, 'fallback')));
  const { stdout } = spawnSync(process.execPath, [join(copy, 'examples/bank/main.js')], { encoding: 'utf8' });
  assert.equal(stdout, `${join(copy, 'src/sdk.js')}b 1\n`);
});
