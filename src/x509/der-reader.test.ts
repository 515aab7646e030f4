import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { assertDer, DerReader, readBoolean, readInteger, readOid, readTime, TAG } from './der-reader.ts';
import { time } from './der-writer.ts';

const value = (hex: string) => new DerReader(Buffer.from(hex, 'hex')).next();
const text = (tag: number, content: string) =>
  value(Buffer.concat([Buffer.from([tag, content.length]), Buffer.from(content)]).toString('hex'));
const refused = (what: () => unknown): void => assert.throws(what, (error) => faultCode(error) === 'DER_INVALID');

const lengths: readonly (readonly [rule: string, hex: string, ok: boolean])[] = [
  ['accepts a short length of 127', `047f${'00'.repeat(127)}`, true],
  ['rejects 127 in the long form', `04817f${'00'.repeat(127)}`, false],
  ['accepts a long length of 128', `048180${'00'.repeat(128)}`, true],
  ['rejects 128 with a leading zero', `04820080${'00'.repeat(128)}`, false],
  ['rejects the indefinite length', '30800000', false],
  ['rejects a length of four bytes', '048400000001ff', false],
  ['rejects content that ends too early', '040200', false],
  ['rejects a missing length', '04', false],
  ['rejects a multi-byte tag', '1f810000', false],
];
for (const [rule, hex, ok] of lengths) {
  test(`X.690 §10.1: ${rule}`, () => (ok ? assert.ok(value(hex)) : refused(() => value(hex))));
}

test('X.690 §11.1: a boolean is 00 or FF', () => {
  assert.equal(readBoolean(value('0101ff')), true);
  assert.equal(readBoolean(value('010100')), false);
  for (const hex of ['010101', '0100', '0102ffff']) refused(() => readBoolean(value(hex)));
});

test('X.690 §8.3.2: integers are minimal', () => {
  assert.equal(readInteger(value('02020080')).toString('hex'), '0080');
  for (const hex of ['0200', '0202007f', '0202ff80']) refused(() => readInteger(value(hex)));
});

test('X.690 §8.19: object identifiers are minimal and whole', () => {
  assert.equal(readOid(value('06082a8648ce3d040302')), '1.2.840.10045.4.3.2');
  assert.equal(readOid(value('0603551d11')), '2.5.29.17');
  for (const hex of ['0600', '06022a80', '06038000aa', '06072a8fffffffff7f']) refused(() => readOid(value(hex)));
});

test('RFC 5280 §4.1.2.5: UTCTime of 1950 to 2049, GeneralizedTime of any year; both name a moment, with seconds, in Z', () => {
  assert.equal(readTime(text(TAG.utcTime, '491231235959Z')), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(readTime(text(TAG.utcTime, '500101000000Z')), Date.UTC(1950, 0, 1));
  assert.equal(readTime(text(TAG.generalizedTime, '20500101000000Z')), Date.UTC(2050, 0, 1));
  assert.equal(readTime(text(TAG.generalizedTime, '20020101120100Z')), Date.UTC(2002, 0, 1, 12, 1));
  for (const wrong of [
    '4912312359Z',
    '491231235959',
    '490231000000Z',
    '491231240000Z',
    '491231235960Z',
    '491231235959+0000',
  ])
    refused(() => readTime(text(TAG.utcTime, wrong)));
  for (const wrong of ['00500101000000Z', '20490231000000Z', '20500101000000.5Z', '491231235959Z'])
    refused(() => readTime(text(TAG.generalizedTime, wrong)));
  refused(() => readTime(text(TAG.utf8String, '491231235959Z')));
});

test('times written are times read, at the turn of 2050', () => {
  for (const millis of [Date.UTC(2026, 0, 9, 1, 2, 3), Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1)])
    assert.equal(readTime(new DerReader(time(millis)).next()), millis);
});

test('nesting is bounded', () => {
  const nested = (depth: number): string => {
    let inner = Buffer.alloc(0);
    for (let level = 0; level < depth; level++) inner = Buffer.concat([Buffer.from([0x30, inner.length]), inner]);
    return inner.toString('hex');
  };
  assertDer(value(nested(17)), 0);
  refused(() => assertDer(value(nested(18)), 0));
});
