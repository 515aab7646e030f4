import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EntryResource } from '#wire';
import { EntryIndex } from './entry-index.ts';

const selector = fc.constantFrom('unix:uid:1', 'unix:uid:2', 'k8s:ns:a', 'k8s:ns:b', 'k8s:sa:x', 'k8s:sa:y');
const selectors = fc.uniqueArray(selector, { minLength: 1, maxLength: 4 });
const step = fc.record({ key: fc.integer({ min: 0, max: 150 }), selectors: fc.option(selectors, { nil: undefined }) });

const entry = (key: number, some: readonly string[]): EntryResource => ({
  id: `${key}`,
  spiffeId: `spiffe://bank-a/${key}`,
  parentId: 'spiffe://bank-a/node',
  selectors: some,
});

test('after any changes the index finds what one built from nothing but the entries that are left finds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.array(fc.uniqueArray(selector)), (steps, callers) => {
      const changed = new EntryIndex();
      const left = new Map<string, EntryResource>();
      for (const { key, selectors: some } of steps) {
        if (some === undefined) {
          changed.remove(`${key}`);
          left.delete(`${key}`);
        } else {
          changed.put(`${key}`, entry(key, some));
          left.set(`${key}`, entry(key, some));
        }
      }
      const rebuilt = new EntryIndex();
      for (const [key, one] of left) rebuilt.put(key, one);
      const ids = (entries: readonly EntryResource[]): readonly string[] => entries.map(({ id }) => id).sort();
      assert.deepEqual(ids(changed.all()), [...left.keys()].sort());
      for (const caller of callers) {
        const seen = new Set<string>(caller);
        const expected = [...left.values()].filter((one) => one.selectors.every((some) => seen.has(some)));
        assert.deepEqual(ids(changed.matching(seen)), ids(expected));
        assert.deepEqual(ids(rebuilt.matching(seen)), ids(expected));
      }
    }),
  );
});

test('an entry is found by what it asks for now, not by what it asked for before', () => {
  const index = new EntryIndex();
  index.put('a', entry(1, ['unix:uid:1']));
  index.put('a', entry(1, ['unix:uid:2']));
  assert.deepEqual(index.matching(new Set(['unix:uid:1'])), []);
  assert.equal(index.matching(new Set(['unix:uid:2'])).length, 1);
  index.remove('a');
  assert.deepEqual(index.matching(new Set(['unix:uid:2'])), []);
  assert.equal(index.size, 0);
});
