import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { SpiffeId } from './spiffe-id.ts';

const accepted = [
  'spiffe://td',
  'spiffe://td/a',
  'spiffe://1.2.3.4/a',
  'spiffe://-a_.b/a',
  'spiffe://../a',
  'spiffe://td/...',
  'spiffe://td/.a',
  'spiffe://td/a.',
  `spiffe://td/${'a'.repeat(2048 - 12)}`,
  `spiffe://${'a'.repeat(255)}/a`,
];
const rejected = [
  '',
  'td/a',
  'http://td/a',
  'SPIFFE://td/a',
  'spiffe:td/a',
  'spiffe://',
  'spiffe:///a',
  'spiffe://u@td/a',
  'spiffe://td:1/a',
  'spiffe://td:/a',
  'spiffe://TD/a',
  'spiffe://t%64/a',
  'spiffe://[::1]/a',
  'spiffe://td/a?',
  'spiffe://td/a?x',
  'spiffe://td/a#',
  'spiffe://td?x',
  'spiffe://td/a%20b',
  'spiffe://td/%2e%2e',
  'spiffe://td//a',
  'spiffe://td/a//b',
  'spiffe://td/./a',
  'spiffe://td/a/..',
  'spiffe://td/',
  'spiffe://td/a/',
  'spiffe://td/a\0',
  'spiffe://td/a\n',
  'spiffe://td\n',
  'spiffe://tdé/a',
  `spiffe://td/${'a'.repeat(2048 - 11)}`,
  `spiffe://${'a'.repeat(256)}/a`,
];

for (const text of accepted) {
  test(`accepts ${text.slice(0, 40)} (${text.length} bytes)`, () =>
    assert.equal(SpiffeId.parse(text).toString(), text));
}

for (const text of rejected) {
  test(`rejects ${JSON.stringify(text.slice(0, 40))} (${text.length} bytes)`, () => {
    assert.throws(
      () => SpiffeId.parse(text),
      (error) => faultCode(error) === 'SPIFFE_ID_INVALID',
    );
  });
}

test('ID-5, ID-12: exactly 39 bytes are allowed in the trust domain and 65 in a segment', () => {
  const allowed = (build: (character: string) => string): number => {
    let count = 0;
    for (let byte = 0; byte < 256; byte++) {
      try {
        const id = SpiffeId.parse(build(String.fromCharCode(byte)));
        if (byte !== 0x2f && id.toString() !== '') count++;
      } catch {}
    }
    return count;
  };
  assert.equal(
    allowed((character) => `spiffe://a${character}b/x`),
    39,
  );
  assert.equal(
    allowed((character) => `spiffe://td/a${character}b`),
    65,
  );
});

test('ID-15: paths are case-sensitive', () => {
  assert.ok(!SpiffeId.parse('spiffe://td/A').equals(SpiffeId.parse('spiffe://td/a')));
});
