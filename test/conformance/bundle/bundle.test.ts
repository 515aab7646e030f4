import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicJwk } from '#jws';
import { LIMITS } from '#kernel';
import {
  formatBundle,
  formatBundleMap,
  formatTokenBundle,
  jwtBundle,
  parseBundle,
  parseBundleMap,
  type SpiffeBundle,
  verifyJwtSvid,
  verifyWitSvid,
  verifyX509Svid,
  witBundle,
  x509Bundle,
} from '#spiffe';
import { forge } from '../../forge/certificate.ts';
import { newTokenKey } from '../../forge/token.ts';
import { BANK_A, BANK_B, jwt, jwtKey, NOW, SUBJECT, wit, witKey } from '../issuer.ts';
import { rejects } from '../rejects.ts';

const root = forge({ ca: true, uris: ['spiffe://bank-a'] });
const leaf = forge({ uris: [SUBJECT] }, root);
const x509Jwk = { use: 'x509-svid', ...publicJwk(root.key), x5c: [root.der.toString('base64')] };
const jwtJwk = { use: 'jwt-svid', kid: 'jwt-1', ...publicJwk(jwtKey.privateKey) };
const witJwk = { use: 'wit-svid', kid: 'wit-1', ...publicJwk(witKey.privateKey) };
const KEYS = [x509Jwk, jwtJwk, witJwk];

const read = (keys: unknown, more: object = {}) => parseBundle(JSON.stringify({ keys, ...more }), BANK_A);
const counts = ({ x509, jwt: jwts, wit: wits }: SpiffeBundle): readonly number[] => [
  x509.authorities.length,
  jwts.authorities.size,
  wits.authorities.size,
];

/** Which kinds of SVID a relying party accepts by this bundle. */
function accepted(bundle: SpiffeBundle): readonly string[] {
  const attempts: readonly (readonly [string, () => unknown])[] = [
    ['x509', () => verifyX509Svid({ chain: [leaf.der], bundles: new Map([['bank-a', bundle.x509]]), at: NOW })],
    [
      'jwt',
      () => verifyJwtSvid({ token: jwt(), audience: 'ledger', bundles: new Map([['bank-a', bundle.jwt]]), at: NOW }),
    ],
    ['wit', () => verifyWitSvid({ token: wit(), bundles: new Map([['bank-a', bundle.wit]]), at: NOW })],
  ];
  return attempts.flatMap(([kind, attempt]) => {
    try {
      attempt();
      return [kind];
    } catch {
      return [];
    }
  });
}

const full: SpiffeBundle = {
  trustDomain: BANK_A,
  x509: x509Bundle(BANK_A, [root.der]),
  jwt: jwtBundle(BANK_A, new Map([['jwt-1', jwtKey.verifying]])),
  wit: witBundle(BANK_A, new Map([['wit-1', witKey.verifying]])),
  sequence: 42n,
  refreshHintSeconds: 300,
};

test('B-1 accepts the smallest bundle and members that the standard does not define', () => {
  assert.deepEqual(counts(read([])), [0, 0, 0]);
  const extended = KEYS.map((key) => ({ ...key, alg: 'ES256', key_ops: ['verify'], 'x-more': { deep: [1] } }));
  assert.deepEqual(accepted(read(extended, { 'x-more': null })), ['x509', 'jwt', 'wit']);
});

test('B-1 rejects what is no JSON object', () => {
  for (const text of [
    '',
    '[]',
    '"keys"',
    'null',
    '7',
    '{"keys":[]',
    '{"keys":[]}{}',
    '\ufeff{"keys":[]}',
    "{'keys':[]}",
  ])
    rejects(() => parseBundle(text, BANK_A), 'BUNDLE_INVALID');
  rejects(() => parseBundle(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), BANK_A), 'BUNDLE_INVALID');
  rejects(() => parseBundle(' '.repeat(LIMITS.bundleBytes.value + 1), BANK_A), 'BUNDLE_INVALID');
  rejects(() => read(Array.from({ length: LIMITS.bundleKeys.value + 1 }, () => null)), 'BUNDLE_INVALID');
});

test('B-2 accepts sequences of 64 bits without losing a digit, and writes them so', () => {
  for (const sequence of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    const text = formatBundle({ ...full, sequence });
    assert.ok(text.includes(`"spiffe_sequence":${sequence}`));
    assert.equal(parseBundle(text, BANK_A).sequence, sequence);
  }
  assert.equal(read([]).sequence, undefined);
});

test('B-2 rejects a sequence that is no whole number of 64 bits', () => {
  for (const sequence of ['-1', '1.5', '"1"', 'null', '18446744073709551616', '1e30', '[1]', 'true', '9'.repeat(300)])
    rejects(() => parseBundle(`{"keys":[],"spiffe_sequence":${sequence}}`, BANK_A), 'BUNDLE_INVALID');
});

test('B-3 accepts a refresh hint in seconds, and none', () => {
  assert.equal(read([], { spiffe_refresh_hint: 300 }).refreshHintSeconds, 300);
  assert.equal(read([]).refreshHintSeconds, undefined);
  assert.equal(parseBundle(formatBundle(full), BANK_A).refreshHintSeconds, 300);
});

test('B-3 rejects a refresh hint that is no whole number', () => {
  for (const hint of [-1, 1.5, '300', null, {}, [300]])
    rejects(() => read([], { spiffe_refresh_hint: hint }), 'BUNDLE_INVALID');
});

test('B-4 accepts an empty list of keys, by which every SVID is refused', () => {
  assert.deepEqual(accepted(read([])), []);
  assert.deepEqual(accepted(read(KEYS)), ['x509', 'jwt', 'wit']);
});

test('B-4 rejects a bundle without a list of keys', () => {
  for (const keys of [undefined, null, {}, 'x', 1]) rejects(() => read(keys), 'BUNDLE_INVALID');
});

test('B-5 accepts a bundle of which no key is usable as one that trusts nobody', () => {
  const bundle = read([{ kty: 'OKP', use: 'jwt-svid', kid: 'a' }, { kty: 'EC', use: 'enc' }, 7, null, []]);
  assert.deepEqual(counts(bundle), [0, 0, 0]);
  assert.deepEqual(accepted(bundle), []);
  assert.equal(bundle.ignored.length, 5);
});

test('B-6 accepts the other keys beside one of unknown kty', () => {
  for (const kty of ['OKP', 'foo', 'oct', 'ec', 'rsa', '', null, 1, undefined]) {
    const bundle = read([{ ...jwtJwk, kty, kid: 'other' }, ...KEYS]);
    assert.deepEqual(counts(bundle), [1, 1, 1], `${kty}`);
    assert.deepEqual(accepted(bundle), ['x509', 'jwt', 'wit']);
  }
});

test('B-6 rejects the SVIDs of a key whose kty is written otherwise', () => {
  assert.deepEqual(accepted(read([{ ...jwtJwk, kty: 'ec' }])), []);
  assert.deepEqual(accepted(read([{ ...x509Jwk, kty: 'OKP' }])), []);
});

test('B-7 accepts the other keys beside one of unknown use', () => {
  for (const use of [undefined, null, 'sig', 'enc', '', 1, ['jwt-svid']])
    assert.deepEqual(counts(read([{ ...jwtJwk, use, kid: 'other' }, ...KEYS])), [1, 1, 1]);
});

test('B-7 rejects the SVIDs of a key whose use is missing or in another case', () => {
  for (const change of ['X509-SVID', 'x509-svid ', undefined])
    assert.deepEqual(accepted(read([{ ...x509Jwk, use: change }])), []);
  for (const change of ['JWT-SVID', 'Jwt-Svid', undefined])
    assert.deepEqual(accepted(read([{ ...jwtJwk, use: change }])), []);
});

test('B-8 every key that is written has its kty and its use', () => {
  const { keys } = JSON.parse(formatBundle(full));
  assert.deepEqual(
    keys.map(({ kty, use }: { kty: string; use: string }) => [kty, use]),
    [
      ['EC', 'x509-svid'],
      ['EC', 'jwt-svid'],
      ['EC', 'wit-svid'],
    ],
  );
  const rsa = newTokenKey('RS256');
  const [key] = JSON.parse(formatTokenBundle(jwtBundle(BANK_A, new Map([['r', rsa.verifying]])))).keys;
  assert.deepEqual(
    [key.kty, key.use, key.kid, typeof key.n, typeof key.e],
    ['RSA', 'jwt-svid', 'r', 'string', 'string'],
  );
});

test('B-8 rejects nothing that it wrote itself', () => {
  const back = parseBundle(formatBundle(full), BANK_A);
  assert.deepEqual(counts(back), [1, 1, 1]);
  assert.deepEqual(back.ignored, []);
  assert.deepEqual(accepted(back), ['x509', 'jwt', 'wit']);
});

test('B-9 accepts a bundle map, an empty one too', () => {
  assert.equal(parseBundleMap('{"trust_domains":{}}').size, 0);
  const map = parseBundleMap(formatBundleMap([full, { ...full, trustDomain: BANK_B }]));
  assert.deepEqual([...map.keys()], ['bank-a', 'bank-b']);
  assert.deepEqual(map.get(BANK_A)?.jwt.trustDomain, 'bank-a');
});

test('B-9 rejects a map without trust_domains, with a name that is none or with something that is no bundle', () => {
  for (const text of [
    '{}',
    '[]',
    '{"trust_domains":[]}',
    '{"trust_domains":null}',
    '{"trust_domains":{"a":{}}}',
    '{"trust_domains":{"a":[]}}',
  ])
    rejects(() => parseBundleMap(text), 'BUNDLE_INVALID');
  for (const name of ['BANK-A', '', 'spiffe://bank-a', 'bank a'])
    rejects(() => parseBundleMap(`{"trust_domains":{"${name}":{"keys":[]}}}`), 'TRUST_DOMAIN_INVALID');
});

test('B-10 accepts each trust domain once', () =>
  assert.equal(parseBundleMap('{"trust_domains":{"a":{"keys":[]},"b":{"keys":[]}}}').size, 2));

test('B-10 rejects a member that occurs twice, at any depth and however it is spelled', () => {
  const bundle = '{"keys":[]}';
  for (const text of [
    `{"trust_domains":{"a":${bundle},"a":${bundle}}}`,
    `{"trust_domains":{"a":${bundle},"\\u0061":${bundle}}}`,
    `{"trust_domains":{},"trust_domains":{}}`,
    '{"trust_domains":{"a":{"keys":[],"keys":[]}}}',
    '{"trust_domains":{"a":{"keys":[{"kty":"EC","kty":"RSA"}]}}}',
  ])
    rejects(() => parseBundleMap(text), 'BUNDLE_INVALID');
  rejects(() => parseBundle('{"keys":[],"keys":[]}', BANK_A), 'BUNDLE_INVALID');
});

test('B-11 a map is written without the hints of its bundles', () => {
  const { trust_domains } = JSON.parse(formatBundleMap([full]));
  assert.equal(trust_domains['bank-a'].spiffe_refresh_hint, undefined);
  assert.equal(trust_domains['bank-a'].spiffe_sequence, 42);
});

test('B-11 a hint inside a map is not passed on to whoever refreshes the map', () => {
  const map = parseBundleMap('{"trust_domains":{"a":{"keys":[],"spiffe_refresh_hint":1,"spiffe_sequence":3}}}');
  const [bundle] = [...map.values()];
  assert.equal(bundle?.refreshHintSeconds, undefined);
  assert.equal(bundle?.sequence, 3n);
});

test('a key of a bundle that cannot be read is passed over; it fails no other', () => {
  for (const broken of [
    { ...jwtJwk, kid: 'x', x: 'AA' },
    { ...jwtJwk, kid: 'x', crv: 'secp256k1' },
    { ...jwtJwk, kid: 'x', ...jwtKey.privateKey.export({ format: 'jwk' }) },
    { ...x509Jwk, x5c: ['AAAA'] },
    { ...x509Jwk, x5c: [leaf.der.toString('base64')] },
    { ...x509Jwk, x5c: [root.der.toString('base64url')] },
    { ...x509Jwk, x5c: 'AAAA' },
    { ...x509Jwk, ...publicJwk(jwtKey.privateKey) },
    { ...x509Jwk, x: undefined },
  ]) {
    const bundle = read([broken, ...KEYS]);
    assert.deepEqual(counts(bundle), [1, 1, 1]);
    assert.equal(bundle.ignored.length, 1);
  }
});
