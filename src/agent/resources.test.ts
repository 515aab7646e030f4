import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { parseBundle } from './parse-bundle.ts';
import { Resources } from './resources.ts';

const entry = (id: string, change: object = {}) => ({
  id,
  spiffeId: `spiffe://bank-a/${id}`,
  parentId: 'spiffe://bank-a/node',
  selectors: ['unix:uid:1'],
  ...change,
});
const upsert = (key: string, body: unknown, kind = 'Entry') => ({
  kind,
  key,
  bodyJson: typeof body === 'string' ? body : JSON.stringify(body),
});
const update = (upserts: ReturnType<typeof upsert>[], change: object = {}) => ({
  trustDomain: 'bank-a',
  revision: 1n,
  full: false,
  upserts,
  removals: [],
  ...change,
});
const ids = (resources: Resources): readonly string[] => resources.entries().map(({ id }) => id);

test('deltas add and remove, a full update replaces', () => {
  const resources = new Resources('bank-a');
  resources.apply(update([upsert('b', entry('b')), upsert('a', entry('a'))]));
  assert.deepEqual(ids(resources), ['a', 'b']);
  resources.apply(update([], { revision: 2n, removals: [{ kind: 'Entry', key: 'a' }] }));
  assert.deepEqual(ids(resources), ['b']);
  resources.apply(update([upsert('c', entry('c'))], { revision: 3n, full: true }));
  assert.deepEqual(ids(resources), ['c']);
  assert.equal(resources.revision, 3n);
});

test('an entry that cannot be read or served is left out, and holds up no other', () => {
  const resources = new Resources('bank-a');
  const { unread, touched } = resources.apply(
    update([
      upsert('sound', entry('sound')),
      upsert('broken', '{'),
      upsert('everybody', entry('everybody', { selectors: [] })),
      upsert('foreign', entry('foreign', { spiffeId: 'spiffe://bank-b/foreign' })),
      upsert('none', entry('none', { spiffeId: 'bank-a' })),
      upsert('numbers', entry('numbers', { selectors: [1] })),
      upsert('null', 'null'),
    ]),
  );
  assert.deepEqual(ids(resources), ['sound']);
  assert.deepEqual(unread, ['Entry broken']);
  assert.deepEqual(
    touched.entries.map(({ id }) => id),
    ['sound'],
  );
});

test('what an update does not change stays the same object, also when the update is whole; what it changes is told before and after', () => {
  const resources = new Resources('bank-a');
  resources.apply(update([upsert('a', entry('a')), upsert('b', entry('b')), upsert('s', {}, 'Service')]));
  const [a] = resources.entries();
  const changed = entry('b', { selectors: ['unix:uid:2'] });
  const whole = { full: true, revision: 2n };
  const { touched } = resources.apply(update([upsert('a', entry('a')), upsert('b', changed)], whole));
  assert.equal(resources.entries()[0], a);
  assert.deepEqual([...touched.kinds].sort(), ['Entry', 'Service']);
  assert.deepEqual(touched.entries, [entry('b'), changed]);
  assert.deepEqual(resources.apply(update([], whole)).touched.entries, [entry('a'), changed]);
});

test('an entry under the key of another is not served', () => {
  const resources = new Resources('bank-a');
  resources.apply(update([upsert('a', entry('b'))]));
  assert.deepEqual(ids(resources), []);
  assert.equal(resources.hasEntry('b'), false);
});

test('a change that cannot be read withdraws what it changes: nobody is served by what was there before', () => {
  const resources = new Resources('bank-a');
  resources.apply(update([upsert('a', entry('a'))]));
  resources.apply(update([upsert('a', '{')], { revision: 2n }));
  assert.deepEqual(ids(resources), []);
});

test('refuses a bundle that is no JSON, of another trust domain, or not of certificates', () => {
  const bundle = { trustDomain: 'bank-a', sequence: 1, refreshHintSeconds: 60, x509Authorities: [] };
  assert.deepEqual(parseBundle(JSON.stringify(bundle), 'bank-a'), bundle);
  for (const bad of ['', '{', 'null', '[]', JSON.stringify({ ...bundle, x509Authorities: ['AAAA'] })])
    assert.throws(
      () => parseBundle(bad, 'bank-a'),
      (error) => faultCode(error) === 'BUNDLE_INVALID',
    );
  assert.throws(
    () => parseBundle(JSON.stringify(bundle), 'bank-b'),
    (error) => faultCode(error) === 'BUNDLE_INVALID',
  );
});
