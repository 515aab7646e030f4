import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { REQUIREMENTS } from '../test/conformance/requirements.ts';
import { specCoveragePage, testedNumbers } from './spec-coverage.ts';

test('docs/spec-coverage.md is what the tests say (run npm run generate)', () => {
  const { path, text } = specCoveragePage();
  assert.equal(readFileSync(join(import.meta.dirname, '..', path), 'utf8'), text);
});

test('a test that names a number names one of the list, in the folder of its standard', () => {
  const folders = new Map(
    Object.entries(REQUIREMENTS).flatMap(([folder, numbers]) => Object.keys(numbers).map((number) => [number, folder])),
  );
  const wrong = [...testedNumbers()].flatMap(([number, files]) =>
    files
      .filter((file) => !file.startsWith(`test/conformance/${folders.get(number)}/`))
      .map((file) => `${number} in ${file}`),
  );
  assert.deepEqual(wrong, []);
});
