import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { REMOVALS } from '../conformance/removals.ts';

const root = join(import.meta.dirname, '..', '..');

test('each rule that test/conformance/removals.ts takes out stands once in its file; who moves a rule moves it there too', () => {
  const lost = REMOVALS.filter(({ file, check }) => readFileSync(join(root, file), 'utf8').split(check).length !== 2);
  assert.deepEqual(
    lost.map(({ number, file, check }) => `${number}: ${file}: ${check}`),
    [],
  );
});
