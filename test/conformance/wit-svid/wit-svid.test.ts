import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { publicJwk } from '#jws';
import {
  parseBundle,
  SpiffeId,
  verifyJwtSvid,
  verifyWitRequest,
  verifyWitSvid,
  verifyWorkloadProof,
  type WitRequest,
  type WorkloadProofProfile,
  type WorkloadProofQuestion,
  witBundle,
  witSvid,
  workloadProof,
} from '#spiffe';
import { forgeToken, newTokenKey, type TokenKey } from '../../forge/token.ts';
import {
  BANK_A,
  confirmation,
  holder,
  jwt,
  jwtBundles,
  jwtKey,
  NOW,
  otherWitKey,
  SECONDS,
  SUBJECT,
  stranger,
  WIT_CLAIMS,
  WIT_HEADER,
  wit,
  witBundles,
  witKey,
} from '../issuer.ts';
import { rejects } from '../rejects.ts';

const verify = (token: string, bundles = witBundles) => verifyWitSvid({ token, bundles, at: NOW });
const accepts = (token: string, bundles = witBundles): void => assert.equal(`${verify(token, bundles).id}`, SUBJECT);
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
const profile = {
  id: SpiffeId.parse(SUBJECT),
  kid: 'wit-1',
  algorithm: 'ES256',
  confirmation,
  issuedAt: SECONDS,
  expiresAt: SECONDS + 60,
};

test('W-1 accepts a compact JWS with alg, kid and typ wit+jwt, which is what is issued', () => {
  const { header } = witSvid(profile);
  assert.deepEqual(header, { alg: 'ES256', kid: 'wit-1', typ: 'wit+jwt' });
  accepts(wit({}, header));
});

test('W-1 rejects another serialization', () => {
  const [header, payload, signature] = wit().split('.');
  rejects(() => verify(JSON.stringify({ payload, protected: header, signature })), 'TOKEN_MALFORMED');
  rejects(() => verify(`${header}.${payload}`), 'TOKEN_MALFORMED');
});

test('W-1 rejects a missing or other typ', () => {
  for (const typ of [undefined, 'JWT', 'JOSE', 'WIT+JWT', 'application/wit+jwt', 'wimse-id+jwt', '', 1, null])
    rejects(() => verify(wit({}, { typ })), 'TOKEN_KIND_MISMATCH');
});

test('W-1 rejects a missing kid', () => {
  for (const kid of [undefined, '', 1, null]) rejects(() => verify(wit({}, { kid })), 'TOKEN_KEY_UNKNOWN');
});

test('W-2 accepts the kid that the bundle has, whatever it looks like', () => {
  const kid = 'ключ/../%00 "1"';
  accepts(wit({}, { kid }), new Map([['bank-a', witBundle(BANK_A, new Map([[kid, witKey.verifying]]))]]));
});

test('W-2 rejects a kid that differs in case', () =>
  rejects(() => verify(wit({}, { kid: 'WIT-1' })), 'TOKEN_KEY_UNKNOWN'));

test('W-2 rejects a bundle in which two keys have one kid, of one use or of two', () => {
  const jwk = publicJwk(witKey.privateKey);
  for (const use of ['wit-svid', 'jwt-svid']) {
    const keys = [
      { ...jwk, use: 'wit-svid', kid: 'k' },
      { ...publicJwk(jwtKey.privateKey), use, kid: 'k' },
    ];
    rejects(() => parseBundle(JSON.stringify({ keys }), BANK_A), 'BUNDLE_INVALID');
  }
});

for (const alg of ALGORITHMS)
  test(`W-3 accepts ${alg}`, () => {
    const key = newTokenKey(alg);
    accepts(wit({}, { alg, kid: 'k' }, key), new Map([['bank-a', witBundle(BANK_A, new Map([['k', key.verifying]]))]]));
  });

test('W-3 rejects every other algorithm', () => {
  for (const alg of ['none', 'HS256', 'EdDSA', 'ES256K', 'es256', undefined])
    rejects(() => verify(wit({}, { alg })), 'TOKEN_ALGORITHM_REFUSED');
});

test('W-4 accepts a SPIFFE ID as subject', () => accepts(wit()));

test('W-4 rejects a subject that is missing or no SPIFFE ID of a workload', () => {
  for (const sub of [undefined, '', 'wimse://bank-a/x', 'spiffe://bank-a', 1, [SUBJECT]])
    rejects(() => verify(wit({ sub })), 'TOKEN_CLAIM_INVALID');
});

for (const alg of ALGORITHMS)
  test(`W-5 accepts a confirmed key for ${alg}`, () => {
    const jwk = { ...publicJwk(newTokenKey(alg).privateKey), alg };
    assert.equal(verify(wit({ cnf: { jwk } })).confirmation.algorithm, alg);
  });

const withAlg = (alg: unknown): Record<string, unknown> => ({ ...confirmation, alg });
for (const [what, cnf] of [
  ['no cnf', undefined],
  ['a cnf that is no object', 'key'],
  ['a cnf without jwk', { kid: 'x' }],
  ['a cnf with a thumbprint only', { jkt: 'AAAA' }],
  ['a key without alg', { jwk: withAlg(undefined) }],
  ['a key with alg none', { jwk: withAlg('none') }],
  ['a key with alg HS256', { jwk: withAlg('HS256') }],
  ['a key with an alg of another curve', { jwk: withAlg('ES384') }],
  ['a key with an alg of another type', { jwk: withAlg('RS256') }],
  ['a private key', { jwk: { ...holder.privateKey.export({ format: 'jwk' }), alg: 'ES256' } }],
  ['a symmetric key', { jwk: { kty: 'oct', k: 'AAAA', alg: 'HS256' } }],
  ['a point off its curve', { jwk: { ...confirmation, y: Buffer.alloc(32, 1).toString('base64url') } }],
  ['a short coordinate', { jwk: { ...confirmation, x: Buffer.alloc(31, 1).toString('base64url') } }],
  ['an OKP key', { jwk: { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), alg: 'EdDSA' } }],
] as const)
  test(`W-5 rejects ${what}`, () => rejects(() => verify(wit({ cnf })), 'TOKEN_CLAIM_INVALID'));

test('W-5 refuses to issue for an algorithm that does not fit the key', () =>
  rejects(() => witSvid({ ...profile, confirmation: { ...confirmation, alg: 'ES384' } }), 'ARGUMENT_INVALID'));

test('W-6 accepts the last second before exp', () => accepts(wit({ exp: SECONDS + 1 })));

test('W-6 rejects a missing exp and one that has come', () => {
  rejects(() => verify(wit({ exp: undefined })), 'TOKEN_CLAIM_INVALID');
  rejects(() => verify(wit({ exp: `${SECONDS + 60}` })), 'TOKEN_CLAIM_INVALID');
  for (const exp of [SECONDS, SECONDS - 1]) rejects(() => verify(wit({ exp })), 'TOKEN_EXPIRED');
});

test('W-7 accepts an iat of the future, which says nothing about validity, and an nbf within a minute', () => {
  accepts(wit({ iat: SECONDS + 600 }));
  accepts(wit({ nbf: SECONDS + 60 }));
});

test('W-7 rejects an nbf of the future', () => {
  for (const nbf of [SECONDS + 61, SECONDS + 600]) rejects(() => verify(wit({ nbf })), 'TOKEN_NOT_YET_VALID');
});

const AUDIENCE = 'https://ledger.example/accounts';
const TOKEN = wit({ jti: 'one' });
const proofProfile: WorkloadProofProfile = {
  wit: TOKEN,
  algorithm: 'ES256',
  audience: AUDIENCE,
  jti: 'p1',
  expiresAt: SECONDS + 30,
};
interface ProofChange {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly key?: TokenKey;
}
const proof = (what: Partial<WorkloadProofProfile> = {}, { claims, header, key }: ProofChange = {}): string => {
  const made = workloadProof({ ...proofProfile, ...what });
  return forgeToken(key ?? holder, { ...made.header, ...header }, { ...made.claims, ...claims });
};
const prove = (text: string, more: Partial<WorkloadProofQuestion> = {}): void =>
  verifyWorkloadProof({ proof: text, wit: verify(TOKEN), audience: AUDIENCE, at: NOW, ...more });

test('W-8 accepts the same token again with fresh proofs; its jti plays no part', () => {
  const used = new Set<string>();
  const isFirstUse = (jti: string): boolean => !used.has(jti) && used.add(jti) !== undefined;
  prove(proof({ jti: 'p1' }), { isFirstUse });
  prove(proof({ jti: 'p2' }), { isFirstUse });
  accepts(wit({ jti: undefined }));
});

test('W-8 rejects a proof that is used again', () => {
  const used = new Set<string>();
  const isFirstUse = (jti: string): boolean => !used.has(jti) && used.add(jti) !== undefined;
  prove(proof(), { isFirstUse });
  rejects(() => prove(proof(), { isFirstUse }), 'TOKEN_PROOF_INVALID');
});

test('W-9 accepts a token without audience, which is what is issued', () => {
  assert.equal(witSvid(profile).claims.aud, undefined);
  accepts(wit());
});

test('W-9 rejects an audience', () => {
  for (const aud of ['ledger', ['ledger'], [], null, '']) rejects(() => verify(wit({ aud })), 'TOKEN_CLAIM_INVALID');
});

const ask = (headers: Readonly<Record<string, readonly string[]>>, more: Partial<WitRequest> = {}) =>
  verifyWitRequest({
    header: (name) => headers[name] ?? [],
    secure: true,
    audience: AUDIENCE,
    bundles: witBundles,
    at: NOW,
    ...more,
  });
const bringing = (...proofs: readonly string[]) => ({
  'workload-identity-token': [TOKEN],
  'workload-proof-token': proofs,
});

test('W-10 accepts a token with its proof over a secure channel, and a request that brings neither', () => {
  assert.equal(`${ask(bringing(proof()))?.id}`, SUBJECT);
  assert.equal(`${ask({ 'workload-identity-token': [TOKEN], authorization: [`WPT ${proof()}`] })?.id}`, SUBJECT);
  assert.equal(ask({}), undefined);
  assert.equal(ask({ authorization: [`Bearer ${jwt()}`] }), undefined);
});

test('W-10 rejects a token as bearer token, whatever the scheme', () => {
  for (const scheme of ['Bearer', 'bearer', 'WIT', 'DPoP'])
    rejects(() => ask({ ...bringing(proof()), authorization: [`${scheme} ${TOKEN}`] }), 'TOKEN_PROOF_MISSING');
});

test('W-10 rejects a token without proof, a proof without token, and two of either', () => {
  rejects(() => ask(bringing()), 'TOKEN_PROOF_MISSING');
  rejects(() => ask({ 'workload-proof-token': [proof()] }), 'TOKEN_MISSING');
  rejects(() => ask(bringing(proof(), proof())), 'TOKEN_DUPLICATED');
  rejects(() => ask({ ...bringing(proof()), authorization: [`WPT ${proof()}`] }), 'TOKEN_DUPLICATED');
  rejects(() => ask({ ...bringing(proof()), 'workload-identity-token': [TOKEN, TOKEN] }), 'TOKEN_DUPLICATED');
});

test('W-10 rejects an open channel', () =>
  rejects(() => ask(bringing(proof()), { secure: false }), 'TOKEN_PROOF_INVALID'));

for (const [what, text] of [
  ['of another key', proof({}, { key: stranger })],
  ['signed by the issuer of the token', proof({}, { key: witKey })],
  ['for another request', proof({ audience: 'https://ledger.example/other' })],
  ['for several audiences', proof({}, { claims: { aud: [AUDIENCE, 'https://other.example'] } })],
  ['for another token', proof({ wit: wit({ jti: 'other' }) })],
  ['without hash of the token', proof({}, { claims: { wth: undefined } })],
  ['that has expired', proof({ expiresAt: SECONDS })],
  ['without end', proof({}, { claims: { exp: undefined } })],
  ['that lives for hours', proof({ expiresAt: SECONDS + 3600 })],
  ['without id', proof({}, { claims: { jti: undefined } })],
  ['of another kind', proof({}, { header: { typ: 'dpop+jwt' } })],
  ['of no kind', proof({}, { header: { typ: undefined } })],
  ['that is the token itself', TOKEN],
  ['that is no token', 'x'],
] as const)
  test(`W-10 rejects a proof ${what}`, () => rejects(() => ask(bringing(text)), 'TOKEN_PROOF_INVALID'));

test('W-11 accepts a proof that names the transaction token and other tokens of the request', () => {
  const tth = proof({ txnToken: 'txn' });
  prove(tth, { txnToken: 'txn' });
  assert.equal(`${ask({ ...bringing(tth), 'txn-token': ['txn'] })?.id}`, SUBJECT);
  const hash = '_HGMYBrtoBXjKSPmS-4GSV_7UQGQY6TTzBQs2V1YAFA';
  const oth = workloadProof({ ...proofProfile, txnToken: 'user' }).claims.tth;
  assert.notEqual(oth, hash);
  prove(proof({}, { claims: { oth: { 'x-user': oth } } }), { otherTokens: { 'x-user': ' user ' } });
});

test('W-11 rejects a proof signed by another algorithm than confirmed', () => {
  const rsa = newTokenKey('PS256');
  const token = wit({ cnf: { jwk: { ...publicJwk(rsa.privateKey), alg: 'RS256' } } });
  const made = workloadProof({ ...proofProfile, wit: token, algorithm: 'PS256' });
  const text = forgeToken(rsa, made.header, made.claims);
  rejects(
    () => verifyWorkloadProof({ proof: text, wit: verify(token), audience: AUDIENCE, at: NOW }),
    'TOKEN_PROOF_INVALID',
  );
});

test('W-11 rejects a proof that does not cover the tokens of the request, or covers others', () => {
  const bad: readonly (readonly [ProofChange['claims'], Partial<WorkloadProofQuestion>])[] = [
    [{}, { txnToken: 'txn' }],
    [{ tth: 'AAAA' }, { txnToken: 'txn' }],
    [{ tth: 'AAAA' }, {}],
    [{}, { otherTokens: { 'x-user': 'user' } }],
    [{ oth: { 'x-user': 'AAAA' } }, { otherTokens: { 'x-user': 'user' } }],
    [{ oth: { 'x-unknown': 'AAAA' } }, {}],
    [{ oth: { toString: 'AAAA' } }, {}],
    [{ oth: [] }, {}],
    [{ oth: 'x' }, {}],
  ];
  for (const [claims, more] of bad)
    rejects(() => prove(proof({}, { claims: claims ?? {} }), more), 'TOKEN_PROOF_INVALID');
});

test('W-12 accepts a key of use wit-svid of the trust domain of the subject', () => {
  accepts(wit());
  const keys = [{ ...publicJwk(witKey.privateKey), use: 'wit-svid', kid: 'wit-1' }];
  accepts(wit(), new Map([['bank-a', parseBundle(JSON.stringify({ keys }), BANK_A).wit]]));
});

test('W-12 rejects keys of another use, of none, without kid, and of another trust domain', () => {
  const jwk = { ...publicJwk(witKey.privateKey), use: 'wit-svid', kid: 'wit-1' };
  for (const change of [
    { use: 'jwt-svid' },
    { use: 'x509-svid' },
    { use: undefined },
    { use: 'WIT-SVID' },
    { kid: undefined },
  ]) {
    const bundle = parseBundle(JSON.stringify({ keys: [{ ...jwk, ...change }] }), BANK_A).wit;
    rejects(() => verify(wit(), new Map([['bank-a', bundle]])), 'TOKEN_KEY_UNKNOWN');
  }
  rejects(() => verify(wit({}, { kid: 'wit-2' }, otherWitKey)), 'TOKEN_KEY_UNKNOWN');
  rejects(() => verify(wit({ sub: 'spiffe://bank-c/x' })), 'TOKEN_TRUST_DOMAIN_UNKNOWN');
  rejects(() => verify(wit({}, {}, stranger)), 'TOKEN_SIGNATURE_INVALID');
  rejects(
    () => verifyJwtSvid({ token: wit(), audience: 'ledger', bundles: jwtBundles, at: NOW }),
    'TOKEN_KIND_MISMATCH',
  );
});

test('W-13 accepts unknown header parameters, and honours none of them', () => {
  accepts(wit({}, { 'x-unknown': 1, jku: 'https://attacker.example/keys', jwk: publicJwk(stranger.privateKey) }));
  rejects(
    () => verify(forgeToken(stranger, { ...WIT_HEADER, jwk: publicJwk(stranger.privateKey) }, WIT_CLAIMS)),
    'TOKEN_SIGNATURE_INVALID',
  );
});

test('W-13 rejects what crit asks for', () => {
  for (const crit of [['x-unknown'], ['exp'], [], 'x', null])
    rejects(() => verify(wit({}, { crit, 'x-unknown': 1 })), 'TOKEN_MALFORMED');
});
