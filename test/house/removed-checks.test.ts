import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECKS } from '../journey/removed-checks.ts';

const root = join(import.meta.dirname, '..', '..');

test('every check that the journey takes out stands in its file once: a check that moved is still tried', () => {
  const odd = CHECKS.filter(({ file, check }) => readFileSync(join(root, file), 'utf8').split(check).length !== 2);
  assert.deepEqual(
    odd.map(({ file, rule }) => `${file}: ${rule}`),
    [],
  );
});
