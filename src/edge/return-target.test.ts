import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { returnTarget } from './return-target.ts';

const ELSEWHERE = [
  ...[
    '',
    'e',
    '//e',
    '///e',
    '////e',
    '/\\e',
    '\\e',
    '\\\\e',
    '/\\/e',
    '/%09/e',
    '/%0a/e',
    '/%0d%0aLocation:x',
    '/\t/e',
    '/\n/e',
    '\t//e',
    ' //e',
  ],
  ...[
    'https:e',
    'https://e',
    'http:/e',
    'http://e',
    'javascript:alert(1)',
    'data:text/html,x',
    '//e%00.ok',
    '//user@e',
    '/%5ce',
    '/%2f/e',
    '/%2fe',
    '/..//e\\',
  ],
  ...[
    '/\u2215e',
    '//\u3002e',
    '/%ef%bc%8fe',
    '/a#//e',
    '/;/e',
    '/%2e%2e//e',
    '/../..',
    `/${'a'.repeat(3000)}`,
    '/.hauberk/login',
    '/.hauberk/callback?x',
  ],
];
for (const target of ELSEWHERE)
  test(`${JSON.stringify(target.slice(0, 30))} leads home`, () => assert.equal(returnTarget(target), '/'));

test('a path of this origin is kept, in canonical form', () => {
  assert.equal(returnTarget('/bank-a/accounts?x=https://e'), '/bank-a/accounts?x=https://e');
  assert.equal(returnTarget('/a/../b'), '/b');
  assert.equal(returnTarget('/.//e'), '/e');
  assert.equal(returnTarget('/@e'), '/@e');
  assert.equal(returnTarget(null), '/');
});

test('whatever is asked, the browser stays', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    'e',
    '@',
    ':',
    '%09',
    '%2f',
    '%5c',
    '\t',
    '\n',
    '?',
    '#',
    'http',
    ';',
    '\u3002',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const origin = 'http://bank.localhost:1';
      assert.equal(new URL(returnTarget(pieces.join('')), origin).origin, origin);
    }),
  );
});
