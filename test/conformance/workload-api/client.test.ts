import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#kernel';
import {
  type JwtBundleSet,
  parseTrustDomain,
  verifyJwtSvid,
  verifyWitSvid,
  type WitBundleSet,
  x509Bundle,
} from '#spiffe';
import type { X509SVIDResponse } from '#wire/gen/workloadapi';
import { Identity } from '../../../src/sdk/identity.ts';
import { NOW as FORGED_AT, forge } from '../../forge/certificate.ts';
import { jwt, jwtBundles, jwtKey, NOW, wit, witBundles, witKey } from '../issuer.ts';
import { rejects } from '../rejects.ts';

const SERVICE = 'spiffe://bank-a/service';

const root = forge({ ca: true, uris: ['spiffe://bank-a'] });
const foreignRoot = forge({ ca: true, uris: ['spiffe://bank-b'] });
const leaf = forge({ uris: [SERVICE] }, root);
const foreign = forge({ uris: ['spiffe://bank-b/x'] }, foreignRoot);
const message = (federatedBundles: Record<string, Buffer>): X509SVIDResponse => ({
  svids: [
    {
      spiffeId: SERVICE,
      x509Svid: leaf.der,
      x509SvidKey: leaf.key.export({ format: 'der', type: 'pkcs8' }),
      bundle: root.der,
      hint: '',
    },
  ],
  crl: [],
  federatedBundles,
});
const client = (): Identity => new Identity(new ManualClock(FORGED_AT));

test('A-5 a client takes each message as the whole state: a bundle that is absent is unloaded', () => {
  const identity = client();
  identity.apply(message({ 'spiffe://bank-b': foreignRoot.der }));
  assert.equal(`${identity.verify([foreign.der], 'client').id}`, 'spiffe://bank-b/x');
  identity.apply(message({}));
  rejects(() => identity.verify([foreign.der], 'client'), 'PEER_TRUST_DOMAIN_UNKNOWN');
  identity.apply(message({ 'spiffe://bank-b': Buffer.alloc(0) }));
  rejects(() => identity.verify([foreign.der], 'client'), 'PEER_CHAIN_UNTRUSTED');
});

test('A-5 a client refuses a message without identity and keeps what it has', () => {
  const identity = client();
  identity.apply(message({ 'spiffe://bank-b': foreignRoot.der }));
  rejects(() => identity.apply({ svids: [], crl: [], federatedBundles: {} }), 'IDENTITY_UNAVAILABLE');
  assert.equal(`${identity.verify([foreign.der], 'client').id}`, 'spiffe://bank-b/x');
});

test('A-12 a bundle of one kind verifies that kind', () => {
  assert.ok(verifyJwtSvid({ token: jwt(), audience: 'ledger', bundles: jwtBundles, at: NOW }).id.path !== '');
  assert.ok(verifyWitSvid({ token: wit(), bundles: witBundles, at: NOW }).id.path !== '');
});

test('A-12 a bundle of one kind is refused for another, by its type and where nobody checks types', () => {
  // @ts-expect-error WIT bundles are no JWT bundles
  const witAsJwt: JwtBundleSet = witBundles;
  // @ts-expect-error JWT bundles are no WIT bundles
  const jwtAsWit: WitBundleSet = jwtBundles;
  // @ts-expect-error X.509 bundles are no JWT bundles
  const x509AsJwt: JwtBundleSet = new Map([['bank-a', x509Bundle(parseTrustDomain('bank-a'), [root.der])]]);
  const wrongKey = jwt({}, { kid: 'wit-1' }, witKey);
  const asJwt = (token: string, bundles: JwtBundleSet) =>
    verifyJwtSvid({ token, audience: 'ledger', bundles, at: NOW });
  rejects(() => asJwt(wrongKey, witAsJwt), 'TOKEN_TRUST_DOMAIN_UNKNOWN');
  rejects(() => asJwt(jwt(), x509AsJwt), 'TOKEN_TRUST_DOMAIN_UNKNOWN');
  const token = wit({}, { kid: 'jwt-1' }, jwtKey);
  rejects(() => verifyWitSvid({ token, bundles: jwtAsWit, at: NOW }), 'TOKEN_TRUST_DOMAIN_UNKNOWN');
});

test('A-18 a peer is trusted by the bundle of its trust domain, and by none where there is none', () => {
  const identity = client();
  identity.apply(message({}));
  assert.equal(`${identity.verify([leaf.der], 'client').id}`, SERVICE);
  rejects(() => identity.verify([foreign.der], 'client'), 'PEER_TRUST_DOMAIN_UNKNOWN');
  rejects(() => identity.verify([foreign.der, foreignRoot.der], 'server'), 'PEER_TRUST_DOMAIN_UNKNOWN');
});
