import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { referencePages } from './reference.ts';

for (const page of referencePages()) {
  test(`${page.path} is what the code says (run npm run generate)`, () => {
    assert.equal(readFileSync(join(import.meta.dirname, '..', page.path), 'utf8'), page.text);
  });
}
