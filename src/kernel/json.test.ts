import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultCode, readJson } from './index.ts';

const isInvalid = (error: unknown): boolean => faultCode(error) === 'JSON_INVALID';

test('reads what JSON.parse reads, and as it does', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      assert.deepEqual(readJson(text), JSON.parse(text));
      assert.deepEqual(readJson(Buffer.from(JSON.stringify(JSON.parse(text), null, 2))), JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

test('reads nothing that JSON.parse refuses', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u00',
    'a',
    '0',
    '-',
    '.',
    'e',
    'true',
    ' ',
    '\n',
    '\u0001',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      let value: unknown;
      try {
        value = readJson(text);
      } catch (error) {
        assert.ok(isInvalid(error));
        return;
      }
      assert.deepEqual(value, JSON.parse(text));
    }),
    { numRuns: 3000 },
  );
});

const rejected: readonly (readonly [string, string | Buffer])[] = [
  ['a member twice', '{"a":1,"a":2}'],
  ['a member twice, once by escapes', '{"a":1,"\\u0061":2}'],
  ['a member twice, deep down', '[{"b":{"a":1,"a":1}}]'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ['half of a surrogate pair', '"\\ud800"'],
  ['half of a surrogate pair as member', '{"\\udc00":1}'],
  ['a number beyond a double', '1e400'],
  ['a number with a leading zero', '01'],
  ['a number with a plus', '+1'],
  ['a bare point', '1.'],
  ['NaN', 'NaN'],
  ['Infinity', '-Infinity'],
  ['a comment', '/* */1'],
  ['a comma at the end', '[1,]'],
  ['an unquoted member', '{a:1}'],
  ['single quotes', "{'a':1}"],
  ['a line feed in a string', '"a\nb"'],
  ['an unknown escape', '"\\x41"'],
  ['half an escape', '"\\u00'],
  ['a byte order mark', '\ufeff{}'],
  ['a no-break space', '\u00a0{}'],
  ['two documents', '{}{}'],
  ['nothing', ''],
  ['33 lists in each other', `${'['.repeat(34)}${']'.repeat(34)}`],
  ['a hundred thousand lists in each other', '['.repeat(100_000)],
  ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xa2, 0x22])],
  ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
];
for (const [what, text] of rejected) test(`refuses ${what}`, () => assert.throws(() => readJson(text), isInvalid));

test('a member named __proto__ is a member like any other', () => {
  const value = readJson('{"__proto__":{"admin":true}}');
  assert.ok(typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'));
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

test('whole numbers keep all their digits where that is asked for', () => {
  assert.equal(readJson('18446744073709551615', { bigIntegers: true }), 18446744073709551615n);
  assert.equal(readJson('9007199254740991', { bigIntegers: true }), 9007199254740991);
  assert.equal(readJson('18446744073709551615'), 18446744073709552000);
  assert.throws(() => readJson('9'.repeat(41), { bigIntegers: true }), isInvalid);
});
