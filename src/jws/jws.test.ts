import assert from 'node:assert/strict';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  sign,
} from 'node:crypto';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { forgeToken, newTokenKey, signAs } from '../../test/forge/token.ts';
import {
  decodeBase64url,
  joseSignature,
  parseCompactJws,
  publicJwk,
  readPublicJwk,
  verifyingKey,
  verifySignature,
} from './index.ts';

const fails = (attempt: () => unknown, code: string): void =>
  assert.throws(attempt, (error) => faultCode(error) === code || assert.fail(`${faultCode(error)}: ${error}`));
const verifies = (token: string, key = readPublicJwk(RFC7515_EC)): void => verifySignature(parseCompactJws(token), key);

// RFC 7515 A.3: the key and the token of the example.
const RFC7515_EC = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
const RFC7515_A3 =
  'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.' +
  'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';

test('accepts the example of RFC 7515 A.3, and refuses it with one bit changed', () => {
  verifies(RFC7515_A3);
  assert.equal(parseCompactJws(RFC7515_A3).payload.iss, 'joe');
  fails(() => verifies(RFC7515_A3.replace('DtEh', 'DtEi')), 'TOKEN_SIGNATURE_INVALID');
});

const P256_ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
const bytes = (value: bigint, length = 32): Buffer => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');

const ec = newTokenKey('ES256');
const input = forgeToken(ec, { alg: 'ES256' }, { sub: 'x' }).split('.').slice(0, 2).join('.');
const sound = sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' });
const [r, s] = [sound.subarray(0, 32), sound.subarray(32)];
const [R, S] = [BigInt(`0x${r.toString('hex')}`), BigInt(`0x${s.toString('hex')}`)];

const SIGNATURES: readonly (readonly [string, Buffer])[] = [
  ['zero and zero', Buffer.alloc(64)],
  ['r of zero', Buffer.concat([Buffer.alloc(32), s])],
  ['s of zero', Buffer.concat([r, Buffer.alloc(32)])],
  ['r and s of one', Buffer.concat([bytes(1n), bytes(1n)])],
  ['r of the order', Buffer.concat([bytes(P256_ORDER), s])],
  ['s of the order', Buffer.concat([r, bytes(P256_ORDER)])],
  ['both of the order', Buffer.concat([bytes(P256_ORDER), bytes(P256_ORDER)])],
  ['r less the order', Buffer.concat([bytes(P256_ORDER - R), s])],
  ['all ones', Buffer.alloc(64, 0xff)],
  ['r and s exchanged', Buffer.concat([s, r])],
  ['one byte less', sound.subarray(0, 63)],
  ['one byte more', Buffer.concat([sound, Buffer.alloc(1)])],
  ['a zero in front of each', Buffer.concat([Buffer.alloc(1), r, Buffer.alloc(1), s])],
  ['twice', Buffer.concat([sound, sound])],
  ['in the lengths of P-384', Buffer.concat([bytes(R, 48), bytes(S, 48)])],
  ['in DER', sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'der' })],
  ['of SHA-1', sign('sha1', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })],
  ['of SHA-512', sign('sha512', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })],
  ['of another input', sign('sha256', Buffer.from('x'), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })],
];

test('ECDSA: accepts a sound signature', () => verifies(`${input}.${sound.toString('base64url')}`, ec.verifying));
for (const [what, signature] of SIGNATURES)
  test(`ECDSA: rejects a signature ${what}`, () =>
    fails(() => verifies(`${input}.${signature.toString('base64url')}`, ec.verifying), 'TOKEN_SIGNATURE_INVALID'));

const rsa = newTokenKey('RS256');
const header = (alg: string): string =>
  forgeToken({ ...rsa, alg }, { alg }, { sub: 'x' })
    .split('.')
    .slice(0, 2)
    .join('.');
const raw = (key: KeyObject, padded: Buffer): Buffer =>
  publicEncrypt({ key: createPublicKey(key), padding: constants.RSA_NO_PADDING }, padded);

test('RSA: accepts PKCS #1 v1.5 and PSS as the algorithm says', () => {
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
    verifies(`${header(alg)}.${signAs(alg, rsa.privateKey, header(alg))}`, rsa.verifying);
});

test('RSA: rejects one padding for the other, other salts, other lengths and numbers beyond the modulus', () => {
  const text = header('PS256');
  const data = Buffer.from(text);
  const pss = (saltLength: number): Buffer =>
    sign('sha256', data, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  const pkcs1 = sign('sha256', Buffer.from(header('RS256')), rsa.privateKey);
  for (const [alg, signature] of [
    ['PS256', sign('sha256', data, rsa.privateKey)],
    ['PS256', pss(0)],
    ['PS256', pss(20)],
    ['PS256', pss(constants.RSA_PSS_SALTLEN_MAX_SIGN)],
    ['RS256', Buffer.from(signAs('PS256', rsa.privateKey, header('RS256')), 'base64url')],
    ['RS256', Buffer.concat([Buffer.alloc(1), pkcs1])],
    ['RS256', Buffer.concat([pkcs1, Buffer.alloc(1)])],
    ['RS256', pkcs1.subarray(1)],
    ['RS256', Buffer.alloc(256, 0xff)],
    ['RS256', Buffer.alloc(256)],
    ['RS256', Buffer.concat([Buffer.alloc(255), Buffer.from([1])])],
    ['RS256', raw(rsa.privateKey, Buffer.concat([Buffer.from([0]), Buffer.alloc(255, 1)]))],
  ] as const)
    fails(
      () => verifies(`${header(alg)}.${signature.toString('base64url')}`, rsa.verifying),
      'TOKEN_SIGNATURE_INVALID',
    );
});

const jwk = publicJwk(ec.privateKey);
const rsaJwk = publicJwk(rsa.privateKey);

test('JWK: accepts what it writes itself, and ignores what it does not know', () => {
  for (const alg of ['ES256', 'ES384', 'ES512', 'RS256']) {
    const key = newTokenKey(alg);
    const written = publicJwk(key.privateKey);
    assert.ok(
      readPublicJwk({ ...written, use: 'sig', kid: 'x', alg: 'none', x5c: ['?'], key_ops: ['sign'] }).key.equals(
        key.verifying.key,
      ),
    );
    assert.deepEqual(publicJwk(createPublicKey(key.privateKey).export({ type: 'spki', format: 'der' })), written);
  }
});

for (const [what, change] of [
  ['a point off its curve', { ...jwk, x: RFC7515_EC.x }],
  ['the point at infinity', { ...jwk, x: bytes(0n).toString('base64url'), y: bytes(0n).toString('base64url') }],
  ['a coordinate beyond the field', { ...jwk, x: Buffer.alloc(32, 0xff).toString('base64url') }],
  ['a coordinate without its leading zeros', { ...jwk, x: Buffer.alloc(31, 1).toString('base64url') }],
  ['a coordinate with one more zero', { ...jwk, x: Buffer.alloc(33).toString('base64url') }],
  ['padding', { ...jwk, x: `${'x' in jwk ? jwk.x : ''}=` }],
  ['spare bits', { ...jwk, x: `${'A'.repeat(42)}B` }],
  ['standard base64', { ...jwk, x: '+'.repeat(43) }],
  ['a curve of another length', { ...jwk, crv: 'P-384' }],
  ['secp256k1', { ...jwk, crv: 'secp256k1' }],
  ['Ed25519', { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }],
  ['a symmetric key', { kty: 'oct', k: 'AAAA' }],
  ['a private key', ec.privateKey.export({ format: 'jwk' })],
  ['a private RSA key', rsa.privateKey.export({ format: 'jwk' })],
  [
    'an RSA key of 1024 bits',
    createPublicKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey).export({ format: 'jwk' }),
  ],
  ['an exponent of one', { ...rsaJwk, e: 'AQ' }],
  ['an even exponent', { ...rsaJwk, e: 'Ag' }],
  ['an exponent with leading zeros', { ...rsaJwk, e: 'AAEAAQ' }],
  ['an exponent of five bytes', { ...rsaJwk, e: 'AQAAAAE' }],
  [
    'a modulus with leading zeros',
    { ...rsaJwk, n: Buffer.concat([Buffer.alloc(1), Buffer.alloc(256, 0xff)]).toString('base64url') },
  ],
  ['an even modulus', { ...rsaJwk, n: Buffer.alloc(256, 0xfe).toString('base64url') }],
  ['no modulus', { kty: 'RSA', e: 'AQAB' }],
  ['numbers for text', { ...jwk, x: 1, y: 2 }],
  ['nothing', {}],
] as const)
  test(`JWK: rejects ${what}`, () => fails(() => readPublicJwk({ ...change }), 'JWK_INVALID'));

test('a private key verifies nothing', () =>
  fails(() => verifyingKey(createPrivateKey(ec.privateKey.export({ type: 'pkcs8', format: 'pem' }))), 'JWK_INVALID'));

test('base64url: each value has one spelling', () => {
  assert.deepEqual(decodeBase64url('AQ'), Buffer.from([1]));
  for (const text of ['AR', 'AQ=', 'AQ==', 'A', 'A Q', '+A', '/A', 'AQ\n', 'é'])
    assert.equal(decodeBase64url(text), undefined, text);
});

test('an ECDSA signature in DER becomes one of a token, whatever its lengths', () => {
  for (const [alg, length] of [
    ['ES256', 32],
    ['ES384', 48],
    ['ES512', 66],
  ] as const) {
    const key = newTokenKey(alg);
    const text = forgeToken(key, { alg }, {}).split('.').slice(0, 2).join('.');
    for (let turn = 0; turn < 20; turn++) {
      const der = sign(`sha${alg.slice(2)}`, Buffer.from(text), key.privateKey);
      verifies(`${text}.${joseSignature(der, length).toString('base64url')}`, key.verifying);
    }
  }
  for (const bad of [
    '',
    '30',
    '3000',
    '300602010102',
    '30060201010201010000',
    '3006020101020101ff',
    '30080200020201010101',
  ])
    fails(() => joseSignature(Buffer.from(bad, 'hex')), 'DER_INVALID');
});

test('a token is refused by its form: parts, spellings, JSON', () => {
  const part = (text: string): string => Buffer.from(text).toString('base64url');
  const good = part('{"alg":"ES256"}');
  for (const token of [
    `${part('{"alg":"ES256","alg":"none"}')}.e30.AA`,
    `${part('{"alg":"none","alg":"ES256"}')}.e30.AA`,
    `${part('{"alg":"ES256","\\u0061lg":"none"}')}.e30.AA`,
    `${part('{"alg":"ES256","crit":[]}')}.e30.AA`,
    `${part('{"alg":"ES256","b64":false}')}.e30.AA`,
    `${part('["ES256"]')}.e30.AA`,
    `${part('"ES256"')}.e30.AA`,
    `${part('null')}.e30.AA`,
    `${part('{"alg":"ES256"}x')}.e30.AA`,
    `${part('\ufeff{"alg":"ES256"}')}.e30.AA`,
    `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.e30.AA`,
    `${good}.${part('[]')}.AA`,
    `${good}.${part('1')}.AA`,
    `${good}.${part(`{"a":${'['.repeat(40)}${']'.repeat(40)}}`)}.AA`,
    `${good}.${part('{"sub":1,"sub":2}')}.AA`,
    `${good}.e30=.AA`,
    `${good}.e31.AA`,
    `${good}.e30.AB`,
    `${good}.e30.`,
    `.${good}.e30`,
    `${good}..AA`,
    `${good}.e30.AA.`,
    `${good} .e30.AA`,
    '...',
  ])
    fails(() => parseCompactJws(token), 'TOKEN_MALFORMED');
});
