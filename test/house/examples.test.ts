import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const files = globSync('examples/**/*.{ts,js,yaml,sql,cedar,json,html}', {
  cwd: root,
  exclude: (path) => path.includes('node_modules') || path.endsWith('.test.ts'),
});
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

test('of Hauberk, examples import hauberk/sdk only, and nothing from beside them', () => {
  const wrong = files.flatMap((file) => {
    const names = [...textOf(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name = '']) => name);
    return names.filter((name) => !isAllowed(file, name)).map((name) => `${file}: ${name}`);
  });
  assert.deepEqual(wrong, []);
});

function isAllowed(file: string, name: string): boolean {
  if (!name.startsWith('.')) return !name.startsWith('#') && (!/^hauberk(?:\/|$)/.test(name) || name === 'hauberk/sdk');
  const [, example = ''] = file.split('/');
  return !relative(join('examples', example), join(dirname(file), name)).startsWith('..');
}

/** One that opens nothing: what the story sends in the place of a token. */
const FORGED = 'eyJhbGciOiJFUzI1NiJ9.e30.forged';

test('no key, token or password stands in the examples', () => {
  const secrets =
    /-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]{8,}\.[\w-]+\.|grant_type["'=: ]+password|\bpassword["']?\s*[:=]\s*["'](?!guess)[^"'$]{4,}["']/i;
  const found = files.filter((file) => secrets.test(textOf(file).replaceAll(FORGED, '')));
  assert.deepEqual(found, []);
});
