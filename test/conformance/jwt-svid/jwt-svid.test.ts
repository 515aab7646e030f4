import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { publicJwk } from '#jws';
import {
  formatBundle,
  jwtBundle,
  jwtSvid,
  parseBundle,
  SpiffeId,
  verifyJwtSvid,
  verifyJwtSvidRequest,
  witBundle,
  x509Bundle,
} from '#spiffe';
import { forgeToken, newTokenKey, signAs } from '../../forge/token.ts';
import {
  BANK_A,
  JWT_CLAIMS,
  JWT_HEADER,
  jwt,
  jwtBundles,
  jwtKey,
  NOW,
  otherJwtKey,
  SECONDS,
  SUBJECT,
  stranger,
  wit,
  witKey,
} from '../issuer.ts';
import { rejects } from '../rejects.ts';

const verify = (token: string, bundles = jwtBundles, audience = 'ledger') =>
  verifyJwtSvid({ token, audience, bundles, at: NOW });
const accepts = (token: string, bundles = jwtBundles): void => assert.equal(`${verify(token, bundles).id}`, SUBJECT);
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];

test('J-1 accepts the compact serialization of three parts', () => {
  accepts(jwt());
  assert.equal(jwt().split('.').length, 3);
});

test('J-1 rejects the JSON serializations, two parts, four and five parts, an empty signature, blanks', () => {
  const [header, payload, signature] = jwt().split('.');
  const general = { payload, signatures: [{ protected: header, signature }] };
  for (const text of [
    JSON.stringify({ payload, protected: header, signature }),
    JSON.stringify(general),
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${jwt()}.${signature}`,
    `${jwt()}.${signature}.${signature}`,
    ` ${jwt()}`,
    `${jwt()}\n`,
    '',
    '..',
  ])
    rejects(() => verify(text), 'TOKEN_MALFORMED');
});

test('J-2 accepts a header of alg, kid and typ, which is what is issued', () => {
  const { header } = jwtSvid({
    id: SpiffeId.parse(SUBJECT),
    audience: ['ledger'],
    kid: 'jwt-1',
    algorithm: 'ES256',
    issuedAt: SECONDS,
    expiresAt: SECONDS + 60,
  });
  assert.deepEqual(Object.keys(header), ['alg', 'kid', 'typ']);
  accepts(jwt({}, header));
});

for (const [name, value] of [
  ['jwk', publicJwk(stranger.privateKey)],
  ['jku', 'https://attacker.example/keys'],
  ['x5u', 'https://attacker.example/chain'],
  ['x5c', ['AAAA']],
  ['x5t', 'AAAA'],
  ['crit', ['exp']],
  ['b64', false],
  ['zip', 'DEF'],
  ['cty', 'JWT'],
  ['private', 1],
] as const)
  test(`J-2 rejects the header parameter ${name}, although the token is signed`, () =>
    rejects(() => verify(jwt({}, { [name]: value })), 'TOKEN_MALFORMED'));

test('J-2 rejects a key that comes with the token', () => {
  const header = { kid: 'mine', jwk: publicJwk(stranger.privateKey) };
  rejects(() => verify(jwt({}, header, stranger)), 'TOKEN_MALFORMED');
  rejects(() => verify(jwt({}, { kid: 'mine' }, stranger)), 'TOKEN_KEY_UNKNOWN');
});

for (const alg of ALGORITHMS)
  test(`J-3 accepts ${alg}`, () => {
    const key = newTokenKey(alg);
    accepts(jwt({}, { alg, kid: 'k' }, key), new Map([['bank-a', jwtBundle(BANK_A, new Map([['k', key.verifying]]))]]));
  });

for (const alg of [
  'none',
  'None',
  'NONE',
  'nOnE',
  '',
  'HS256',
  'HS384',
  'HS512',
  'EdDSA',
  'Ed25519',
  'ES256K',
  'es256',
  'rs256',
  'RS1',
  'RSA-OAEP',
  'dir',
  7,
  null,
  ['ES256'],
  undefined,
])
  test(`J-3 rejects ${JSON.stringify(alg) ?? 'no alg'} before anything else is looked at`, () => {
    rejects(
      () => verify(jwt({ sub: 'nobody', exp: 1 }, { alg, kid: 'unknown', typ: 'other' })),
      'TOKEN_ALGORITHM_REFUSED',
    );
    const [header, payload] = jwt({}, { alg }).split('.');
    rejects(() => verify(`${header}.${payload}.`), 'TOKEN_ALGORITHM_REFUSED');
  });

test('J-4 accepts a key of the type and curve of the algorithm', () => accepts(jwt()));

for (const alg of ALGORITHMS.filter((name) => name !== 'ES256'))
  test(`J-4 rejects ${alg} for a key of P-256`, () =>
    rejects(
      () => verify(forgeToken({ ...jwtKey, alg: 'ES256' }, { ...JWT_HEADER, alg }, JWT_CLAIMS)),
      'TOKEN_SIGNATURE_INVALID',
    ));

test('J-4 rejects ES256 for a key of P-384, even where the signature is right', () => {
  const key = newTokenKey('ES384');
  const bundles = new Map([['bank-a', jwtBundle(BANK_A, new Map([['k', key.verifying]]))]]);
  const input = jwt({}, { kid: 'k' }).split('.').slice(0, 2).join('.');
  rejects(() => verify(`${input}.${signAs('ES256', key.privateKey, input)}`, bundles), 'TOKEN_SIGNATURE_INVALID');
});

test('J-4 rejects an RSA key for ECDSA and the reverse', () => {
  const key = newTokenKey('RS256');
  const bundles = new Map([['bank-a', jwtBundle(BANK_A, new Map([['k', key.verifying]]))]]);
  for (const alg of ['ES256', 'ES384', 'ES512'])
    rejects(
      () => verify(forgeToken(key, { ...JWT_HEADER, alg, kid: 'k' }, JWT_CLAIMS), bundles),
      'TOKEN_SIGNATURE_INVALID',
    );
});

test('J-4 rejects an HMAC over the public key, in every form of it', () => {
  const key = createPublicKey(jwtKey.privateKey);
  const forms = [
    key.export({ type: 'spki', format: 'pem' }),
    key.export({ type: 'spki', format: 'der' }),
    JSON.stringify(key.export({ format: 'jwk' })),
  ];
  for (const secret of forms) {
    const input = jwt({}, { alg: 'HS256' }).split('.').slice(0, 2).join('.');
    const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    rejects(() => verify(token), 'TOKEN_ALGORITHM_REFUSED');
  }
});

test('J-5 accepts a token that names its key; issued tokens always do', () => accepts(jwt()));

test('J-5 rejects a token that names no key, an empty one, none that is text, or one in another case', () => {
  for (const kid of [undefined, '', 1, null, ['jwt-1'], 'JWT-1', 'jwt-1 ', '__proto__', 'constructor'])
    rejects(() => verify(jwt({}, { kid })), 'TOKEN_KEY_UNKNOWN');
});

test('J-6 accepts no typ, JWT and JOSE', () => {
  for (const typ of [undefined, 'JWT', 'JOSE']) accepts(jwt({}, { typ }));
});

test('J-6 rejects any other typ', () => {
  for (const typ of ['at+jwt', 'wit+jwt', 'txntoken+jwt', 'jwt', 'Jwt', 'application/jwt', '', null, 1, ['JWT']])
    rejects(() => verify(jwt({}, { typ })), 'TOKEN_KIND_MISMATCH');
});

test('J-7 accepts the SPIFFE ID of a workload as subject, of 2048 bytes too', () => {
  accepts(jwt());
  const long = `spiffe://bank-a/${'x'.repeat(2048 - 16)}`;
  assert.equal(`${verify(jwt({ sub: long })).id}`, long);
});

test('J-7 rejects a subject that is no SPIFFE ID of a workload', () => {
  for (const sub of [
    undefined,
    '',
    'alice',
    'https://bank-a/x',
    'spiffe://bank-a',
    'spiffe://bank-a/',
    'SPIFFE://bank-a/x',
    'spiffe://BANK-A/x',
    [SUBJECT],
    1,
    null,
    {},
  ])
    rejects(() => verify(jwt({ sub })), 'TOKEN_CLAIM_INVALID');
});

test('J-8 accepts its own audience as text or in a list', () => {
  accepts(jwt({ aud: 'ledger' }));
  accepts(jwt({ aud: ['other', 'ledger'] }));
  assert.deepEqual(verify(jwt({ aud: 'ledger' })).audience, ['ledger']);
});

test('J-8 rejects a token without audience', () => {
  for (const aud of [undefined, [], '', [''], null, 1, {}, [1], [['ledger']], { ledger: true }])
    rejects(() => verify(jwt({ aud })), 'TOKEN_CLAIM_INVALID');
});

test('J-8 rejects a token for another audience, compared exactly', () => {
  for (const aud of ['Ledger', 'ledger ', 'ledge', 'ledger/', ['other'], 'other,ledger'])
    rejects(() => verify(jwt({ aud })), 'TOKEN_AUDIENCE_MISMATCH');
  rejects(() => verify(jwt(), jwtBundles, ''), 'TOKEN_AUDIENCE_MISMATCH');
});

test('J-8 refuses to issue a token without audience', () => {
  const profile = {
    id: SpiffeId.parse(SUBJECT),
    kid: 'k',
    algorithm: 'ES256',
    issuedAt: SECONDS,
    expiresAt: SECONDS + 1,
  };
  rejects(() => jwtSvid({ ...profile, audience: [] }), 'ARGUMENT_INVALID');
  rejects(() => jwtSvid({ ...profile, audience: ['a', ''] }), 'ARGUMENT_INVALID');
});

test('J-9 accepts the last second before exp, whole or not', () => {
  accepts(jwt({ exp: SECONDS + 1 }));
  accepts(jwt({ exp: SECONDS + 0.5 }));
});

test('J-9 rejects a token at its exp and after', () => {
  for (const exp of [SECONDS, SECONDS - 1, SECONDS - 0.5, 1, 0]) rejects(() => verify(jwt({ exp })), 'TOKEN_EXPIRED');
});

test('J-9 rejects a token without exp, or with one that is no date', () => {
  for (const exp of [undefined, null, `${SECONDS + 60}`, -1, true, [SECONDS + 60], 1e300, 253_402_300_800])
    rejects(() => verify(jwt({ exp })), 'TOKEN_CLAIM_INVALID');
  for (const exp of ['1e999', 'NaN', 'Infinity', '0x7fffffff', '1_000', '+1', '9'.repeat(400)])
    rejects(
      () => verify(forgeToken(jwtKey, JWT_HEADER, `{"sub":"${SUBJECT}","aud":"ledger","exp":${exp}}`)),
      'TOKEN_MALFORMED',
    );
});

test('J-10 accepts nbf and iat of clocks that differ by up to a minute, and neither of them', () => {
  for (const time of [undefined, SECONDS - 10, SECONDS, SECONDS + 60]) {
    accepts(jwt({ nbf: time }));
    accepts(jwt({ iat: time }));
  }
});

test('J-10 rejects nbf and iat of the future', () => {
  for (const time of [SECONDS + 61, SECONDS + 600]) {
    rejects(() => verify(jwt({ nbf: time })), 'TOKEN_NOT_YET_VALID');
    rejects(() => verify(jwt({ iat: time })), 'TOKEN_NOT_YET_VALID');
  }
  for (const time of ['1', null, {}, -1]) {
    rejects(() => verify(jwt({ nbf: time })), 'TOKEN_CLAIM_INVALID');
    rejects(() => verify(jwt({ iat: time })), 'TOKEN_CLAIM_INVALID');
  }
});

const bundleDocument = (change: Record<string, unknown>): string =>
  JSON.stringify({ keys: [{ use: 'jwt-svid', kid: 'jwt-1', ...publicJwk(jwtKey.privateKey), ...change }] });
const readJwtBundle = (change: Record<string, unknown>) =>
  new Map([['bank-a', parseBundle(bundleDocument(change), BANK_A).jwt]]);

test('J-11 accepts a key of use jwt-svid with kid, which is what is published', () => {
  accepts(jwt(), readJwtBundle({}));
  const bundle = {
    trustDomain: BANK_A,
    x509: x509Bundle(BANK_A, []),
    jwt: jwtBundle(BANK_A, new Map([['jwt-1', jwtKey.verifying]])),
    wit: witBundle(BANK_A, new Map()),
  };
  const [key] = JSON.parse(formatBundle(bundle)).keys;
  assert.deepEqual([key.use, key.kid, key.kty], ['jwt-svid', 'jwt-1', 'EC']);
});

test('J-11 rejects every token where the key of the bundle has no kid', () => {
  for (const kid of [undefined, '', 1, null]) rejects(() => verify(jwt(), readJwtBundle({ kid })), 'TOKEN_KEY_UNKNOWN');
});

test('J-12 accepts a key of the trust domain of the subject', () => {
  accepts(jwt());
  const sub = 'spiffe://bank-b/x';
  assert.equal(`${verify(jwt({ sub }, { kid: 'jwt-2' }, otherJwtKey)).id}`, sub);
});

test('J-12 rejects a key of another trust domain, although that is federated', () => {
  rejects(() => verify(jwt({}, { kid: 'jwt-2' }, otherJwtKey)), 'TOKEN_KEY_UNKNOWN');
  rejects(() => verify(jwt({}, {}, otherJwtKey)), 'TOKEN_SIGNATURE_INVALID');
  rejects(() => verify(jwt({ sub: 'spiffe://bank-b/x' })), 'TOKEN_KEY_UNKNOWN');
  rejects(() => verify(jwt({ sub: 'spiffe://bank-c/x' })), 'TOKEN_TRUST_DOMAIN_UNKNOWN');
});

test('J-12 rejects a key of another use, or of none', () => {
  for (const use of ['wit-svid', 'x509-svid', 'sig', 'JWT-SVID', '', undefined, null])
    rejects(() => verify(jwt(), readJwtBundle({ use })), 'TOKEN_KEY_UNKNOWN');
  rejects(() => verify(jwt({}, { kid: 'wit-1' }, witKey)), 'TOKEN_KEY_UNKNOWN');
});

test('J-13 accepts JWT-SVIDs of a trust domain with a JWT key', () => accepts(jwt(), readJwtBundle({})));

test('J-13 rejects all of a trust domain without, also what a key of another trust domain signed', () => {
  const none = new Map([
    ['bank-b', jwtBundles.get('bank-b') ?? jwtBundle(BANK_A, new Map())],
    ['bank-a', parseBundle('{"keys":[]}', BANK_A).jwt],
  ]);
  rejects(() => verify(jwt(), none), 'TOKEN_KEY_UNKNOWN');
  rejects(() => verify(jwt({}, { kid: 'jwt-2' }, otherJwtKey), none), 'TOKEN_KEY_UNKNOWN');
});

const request = (...authorization: readonly string[]) =>
  verifyJwtSvidRequest({ authorization, audience: 'ledger', bundles: jwtBundles, at: NOW });

test('J-14 accepts a bearer token of HTTP or gRPC, and a request without any', () => {
  assert.equal(`${request(`Bearer ${jwt()}`)?.id}`, SUBJECT);
  assert.equal(`${request(`bearer ${jwt()}`)?.id}`, SUBJECT);
  assert.equal(request(), undefined);
});

test('J-14 rejects other schemes, two credentials and a bearer token that is none', () => {
  for (const value of [`Basic ${jwt()}`, jwt(), `Bearer ${jwt()} x`, 'Bearer ', ''])
    rejects(() => request(value), 'TOKEN_MALFORMED');
  rejects(() => request(`Bearer ${jwt()}`, `Bearer ${jwt()}`), 'TOKEN_DUPLICATED');
  rejects(() => request(`Bearer ${wit()}`), 'TOKEN_KIND_MISMATCH');
});
