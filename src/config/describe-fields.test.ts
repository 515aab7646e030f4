import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOCUMENT_KINDS, describeFields } from './describe-fields.ts';
import { MEANINGS } from './meanings.ts';

test('every meaning is that of a field', () => {
  const paths = new Set(
    DOCUMENT_KINDS.flatMap((kind) => describeFields(kind).flatMap(({ path }) => [path, `${kind} ${path}`])),
  );
  assert.deepEqual(
    Object.keys(MEANINGS).filter((key) => !paths.has(key)),
    [],
  );
});

test('a field has its type, whether it is required, and its default', () => {
  const field = (kind: 'Entry' | 'TrustDomain' | 'Environment', path: string) =>
    describeFields(kind).find((one) => one.path === path);
  assert.equal(field('Entry', 'spec.selectors')?.type, 'list of: a selector of the form type:value');
  assert.equal(field('Entry', 'spec.selectors')?.required, true);
  assert.equal(field('TrustDomain', 'spec.userPath')?.default, '"/user/"');
  assert.equal(field('TrustDomain', 'spec.caLifetime')?.type, 'a duration such as 30s, 15m, 8h or 7d');
  assert.match(field('Environment', 'spec.edge.http')?.type ?? '', /`auto`, or whole number, 1 to 65535/);
});

test('of a choice of shapes, what one lacks is not required', () => {
  const fields = describeFields('TrustDomain');
  const profile = fields.filter(({ path }) => path.startsWith('spec.bundleEndpoint.profile.'));
  assert.deepEqual(
    profile.map(({ path, required }) => [path.split('.').at(-1), required]),
    [
      ['type', true],
      ['certificateFile', false],
      ['keyFile', false],
    ],
  );
});
