import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { publicJwk } from '#jws';
import { parseBundle, parseTrustDomain, verifyJwtSvid, verifyWitSvid } from '#spiffe';
import {
  JWTSVIDRequest,
  type JWTSVIDResponse,
  SpiffeWorkloadAPIDefinition,
  ValidateJWTSVIDRequest,
  type WITSVIDResponse,
} from '#wire/gen/workloadapi';
import { first, until } from '../../../src/agent/agent.harness.ts';
import { forgeToken, newTokenKey } from '../../forge/token.ts';
import { sharedHouse, withEntries } from '../house.ts';
import { methodsOf } from '../reflection.ts';
import { call, SECURITY_HEADER } from '../stranger.ts';

const house = sharedHouse();
const api = () => house().workload(SpiffeWorkloadAPIDefinition);
const SERVICE = 'spiffe://bank-a/service';
const BANK_A = parseTrustDomain('bank-a');

const fetchJwt = (audience: readonly string[], spiffeId = ''): Promise<JWTSVIDResponse> =>
  api().fetchJWTSVID({ audience: [...audience], spiffeId });
const codeOf = async (method: string, request?: Uint8Array): Promise<number> =>
  (await call(house().socket, `/SpiffeWorkloadAPI/${method}`, [SECURITY_HEADER], request)).code;
const validate = (audience: string, svid: string): Promise<number> =>
  codeOf('ValidateJWTSVID', ValidateJWTSVIDRequest.encode({ audience, svid }).finish());
const jwtBundles = async () => {
  const { bundles } = await first(api().fetchJWTBundles({}));
  return new Map([['bank-a', parseBundle(Buffer.from(bundles['spiffe://bank-a'] ?? ''), BANK_A).jwt]]);
};
const token = async (): Promise<string> => (await fetchJwt(['ledger'])).svids[0]?.svid ?? '';

test('A-1 the X.509 and the JWT profile are served', async () => {
  const fetch = JWTSVIDRequest.encode({ audience: ['a'], spiffeId: '' }).finish();
  assert.equal(await codeOf('FetchX509SVID'), status.OK);
  assert.equal(await codeOf('FetchX509Bundles'), status.OK);
  assert.equal(await codeOf('FetchJWTSVID', fetch), status.OK);
  assert.equal(await codeOf('FetchJWTBundles'), status.OK);
  assert.equal(await validate('ledger', await token()), status.OK);
});

test('A-2 the service has the seven methods of the standard and no other', async () => {
  assert.deepEqual([...(await methodsOf(house(), 'SpiffeWorkloadAPI'))].sort(), [
    'FetchJWTBundles',
    'FetchJWTSVID',
    'FetchWITBundles',
    'FetchWITSVID',
    'FetchX509Bundles',
    'FetchX509SVID',
    'ValidateJWTSVID',
  ]);
  for (const name of await methodsOf(house(), 'SpiffeWorkloadAPI'))
    assert.equal((await call(house().socket, `/SpiffeWorkloadAPI/${name}`, [])).code, status.INVALID_ARGUMENT, name);
  assert.equal(await codeOf('FetchMore'), status.UNIMPLEMENTED);
});

test('A-6 a request without a mandatory field is InvalidArgument', async () => {
  for (const audience of [[], [''], ['a', '']]) {
    const request = JWTSVIDRequest.encode({ audience, spiffeId: '' }).finish();
    assert.equal(await codeOf('FetchJWTSVID', request), status.INVALID_ARGUMENT);
  }
  assert.equal(await validate('', await token()), status.INVALID_ARGUMENT);
  assert.equal(await validate('ledger', ''), status.INVALID_ARGUMENT);
});

test('A-13 one JWT-SVID for each identity, with every audience that was asked for', () =>
  withEntries(house(), { second: {} }, async () => {
    await until(async () => (await fetchJwt(['a'])).svids.length === 2);
    const bundles = await jwtBundles();
    for (const { svid, spiffeId } of (await fetchJwt(['ledger', 'vault'])).svids) {
      const { id, audience } = verifyJwtSvid({ token: svid, audience: 'vault', bundles, at: Date.now() });
      assert.equal(`${id}`, spiffeId);
      assert.deepEqual([...audience].sort(), ['ledger', 'vault']);
    }
    assert.deepEqual(
      (await fetchJwt(['a'], SERVICE)).svids.map(({ spiffeId }) => spiffeId),
      [SERVICE],
    );
  }));

test('A-13 an identity that the caller has not is PermissionDenied, an id that is none InvalidArgument', async () => {
  for (const [spiffeId, code] of [
    ['spiffe://bank-a/nobody', status.PERMISSION_DENIED],
    ['spiffe://bank-b/service', status.PERMISSION_DENIED],
    ['service', status.INVALID_ARGUMENT],
  ] as const)
    assert.equal(await codeOf('FetchJWTSVID', JWTSVIDRequest.encode({ audience: ['a'], spiffeId }).finish()), code);
});

test('A-14 an answer has at least one JWT-SVID, every field, and each hint once', () =>
  withEntries(house(), { one: { hint: 'internal' }, two: { hint: 'internal' } }, async () => {
    await until(async () => (await fetchJwt(['a'])).svids.length === 3);
    const { svids } = await fetchJwt(['a']);
    for (const { spiffeId, svid } of svids) assert.ok(spiffeId !== '' && svid.split('.').length === 3);
    assert.deepEqual(
      svids.map(({ hint }) => hint).filter((hint) => hint !== ''),
      ['internal'],
    );
  }));

test('A-15 the bundles have that of the own trust domain and hold JWT keys only', async () => {
  const { bundles } = await first(api().fetchJWTBundles({}));
  assert.deepEqual(Object.keys(bundles).sort(), ['spiffe://bank-a', 'spiffe://platform.example']);
  for (const json of Object.values(bundles)) {
    const { keys } = JSON.parse(`${Buffer.from(json)}`);
    assert.ok(keys.length > 0);
    for (const { use, kid, d, x5c } of keys)
      assert.deepEqual([use, typeof kid, d, x5c], ['jwt-svid', 'string', undefined, undefined]);
  }
});

test('A-16 a token that is valid is answered with its subject and its claims', async () => {
  const svid = await token();
  const { spiffeId, claims } = await api().validateJWTSVID({ audience: 'ledger', svid });
  assert.equal(spiffeId, SERVICE);
  assert.deepEqual([claims?.sub, claims?.aud, typeof claims?.exp], [SERVICE, ['ledger'], 'number']);
});

test('A-16 a token that breaks a rule of JWT-SVID is InvalidArgument', async () => {
  const sound = await token();
  const [header = '', payload = '', signature = ''] = sound.split('.');
  const { kid } = JSON.parse(`${Buffer.from(header, 'base64url')}`);
  const stranger = newTokenKey();
  const claims = JSON.parse(`${Buffer.from(payload, 'base64url')}`);
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const soundHeader = { alg: 'ES256', kid, typ: 'JWT' };
  for (const bad of [
    'x',
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${sound}.x`,
    JSON.stringify({ payload, protected: header, signature }),
    `${encode({ ...soundHeader, alg: 'none' })}.${payload}.`,
    `${encode({ ...soundHeader, alg: 'HS256' })}.${payload}.${signature}`,
    `${header}.${encode({ ...claims, sub: 'spiffe://bank-a/other' })}.${signature}`,
    `${header}.${encode({ ...claims, exp: claims.exp + 3600 })}.${signature}`,
    forgeToken(stranger, soundHeader, claims),
    forgeToken(stranger, { ...soundHeader, jwk: publicJwk(stranger.privateKey) }, claims),
    forgeToken(stranger, { ...soundHeader, kid: 'other' }, claims),
  ])
    assert.equal(await validate('ledger', bad), status.INVALID_ARGUMENT, bad);
  for (const audience of ['vault', 'Ledger', 'ledger '])
    assert.equal(await validate(audience, sound), status.INVALID_ARGUMENT);
});

test('A-17 a token is judged by the bundle of its trust domain; without one it is InvalidArgument', async () => {
  const key = newTokenKey();
  const [header = ''] = (await token()).split('.');
  const { kid } = JSON.parse(`${Buffer.from(header, 'base64url')}`);
  const claims = { sub: 'spiffe://elsewhere.example/x', aud: ['ledger'], exp: Math.floor(Date.now() / 1000) + 60 };
  assert.equal(
    await validate('ledger', forgeToken(key, { alg: 'ES256', kid, typ: 'JWT' }, claims)),
    status.INVALID_ARGUMENT,
  );
  const refused = await api()
    .validateJWTSVID({ audience: 'ledger', svid: forgeToken(key, { alg: 'ES256', kid, typ: 'JWT' }, claims) })
    .catch((error) => error.code);
  assert.equal(refused, 'TOKEN_TRUST_DOMAIN_UNKNOWN');
  assert.equal(await validate('ledger', await token()), status.OK);
});

test('A-19 both methods of the WIT profile are served, so neither is Unimplemented', async () => {
  assert.equal(await codeOf('FetchWITSVID'), status.OK);
  assert.equal(await codeOf('FetchWITBundles'), status.OK);
});

const witSvids = (): Promise<WITSVIDResponse> => first(api().fetchWITSVID({ spiffeId: '' }));

test('A-20 WIT-SVIDs come with their private key, bundles with kid, for the own trust domain too', async () => {
  const { bundles } = await first(api().fetchWITBundles({}));
  const text = bundles['spiffe://bank-a'] ?? bundles['bank-a'] ?? '';
  for (const { kid, use } of JSON.parse(text).keys)
    assert.ok(use === 'wit-svid' && typeof kid === 'string' && kid !== '');
  const set = new Map([['bank-a', parseBundle(text, BANK_A).wit]]);
  const [svid] = (await witSvids()).svids;
  const { id, confirmation } = verifyWitSvid({ token: svid?.witSvid ?? '', bundles: set, at: Date.now() });
  assert.equal(`${id}`, SERVICE);
  const key = createPrivateKey({ key: JSON.parse(svid?.witSvidKey ?? '{}'), format: 'jwk' });
  assert.deepEqual(publicJwk(createPublicKey(key)), publicJwk(confirmation.key.key));
});

test('A-20 without identity there is no answer with none', async () => {
  const request = Buffer.concat([Buffer.from([0x0a, 22]), Buffer.from('spiffe://bank-a/nobody')]);
  assert.equal(await codeOf('FetchWITSVID', request), status.PERMISSION_DENIED);
});
