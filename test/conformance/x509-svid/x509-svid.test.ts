import assert from 'node:assert/strict';
import { sign, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { publicJwk } from '#jws';
import {
  emptyBundle,
  formatBundle,
  parseBundle,
  SpiffeId,
  verifyX509Svid,
  type X509BundleSet,
  x509Bundle,
} from '#spiffe';
import { encodeCertificate, encodeName, encodeSignedPart, keyId, OID, parseCertificate } from '#x509';
import { contextTag } from '../../../src/x509/der-reader.ts';
import { der, sequence } from '../../../src/x509/der-writer.ts';
import { extension, type Forged, type Forgery, forge, NOW, newKey } from '../../forge/certificate.ts';
import { newAuthority, newSpki } from '../authority.ts';
import { BANK_A, BANK_B, jwtKey } from '../issuer.ts';
import { rejects } from '../rejects.ts';

const ID = 'spiffe://bank-a/account-service';
const root = forge({ ca: true, uris: ['spiffe://bank-a'] });
const otherRoot = forge({ ca: true, uris: ['spiffe://bank-b'] });
const namelessRoot = forge({ ca: true });
const bundles: X509BundleSet = new Map([
  ['bank-a', x509Bundle(BANK_A, [root.der])],
  ['bank-b', x509Bundle(BANK_B, [otherRoot.der, namelessRoot.der])],
]);
const leaf = (what: Forgery = {}, issuer: Forged = root): Forged => forge({ uris: [ID], ...what }, issuer);
const authority = (what: Forgery = {}, issuer: Forged = root): Forged => forge({ ca: true, ...what }, issuer);

type Asked = { readonly purpose?: 'server' | 'client'; readonly at?: number };
const verify = (chain: readonly Forged[], { purpose, at = NOW }: Asked = {}, known = bundles) =>
  verifyX509Svid({
    chain: chain.map((one) => one.der),
    bundles: known,
    at,
    ...(purpose === undefined ? {} : { purpose }),
  });
const accepts = (chain: readonly Forged[], asked: Asked = {}): void => assert.equal(`${verify(chain, asked).id}`, ID);
const refuses = (code: string, ...chains: readonly (readonly Forged[])[]): void => {
  for (const chain of chains) rejects(() => verify(chain), code);
};

/** A leaf and its CA as the authority issues them, read by OpenSSL. */
async function issued(): Promise<{
  leaf: X509Certificate;
  ca: X509Certificate;
  chain: readonly Buffer[];
  at: number;
  known: X509BundleSet;
}> {
  const { authority: issuer, bundles: known, clock } = await newAuthority();
  const request = { id: SpiffeId.parse(ID), publicKeySpki: newSpki(), ttlSeconds: 60, dnsNames: ['bank.localhost'] };
  const { chain } = await issuer.issueX509Svid(request);
  const ca = new X509Certificate(Buffer.from(issuer.bundle().x509Authorities[0] ?? '', 'base64'));
  await issuer.close();
  return { leaf: new X509Certificate(chain[0] ?? Buffer.alloc(0)), ca, chain, at: clock.now(), known: known() };
}

test('X-1 what is issued has exactly one URI', async () => {
  const { leaf: made } = await issued();
  assert.equal(made.subjectAltName, `URI:${ID}, DNS:bank.localhost`);
});
test('X-1 rejects a leaf without URI', () =>
  refuses('PEER_CERTIFICATE_INVALID', [leaf({ uris: [] })], [leaf({ uris: [], dnsNames: ['a.example'] })]));

test('X-2 accepts any number of DNS names beside the one URI', () =>
  accepts([leaf({ dnsNames: ['a.example', 'b.example'] })]));
test('X-2 rejects two URIs, whatever they are', () =>
  refuses(
    'PEER_CERTIFICATE_INVALID',
    [leaf({ uris: [ID, 'spiffe://bank-a/other'] })],
    [leaf({ uris: [ID, ID] })],
    [leaf({ uris: [ID, 'https://bank-a/x'] })],
    [leaf({ uris: ['https://bank-a/x', ID] })],
  ));

test('X-3 accepts an id with a path, which is what is issued', async () => {
  accepts([leaf()]);
  const { chain, at, known } = await issued();
  assert.equal(verifyX509Svid({ chain, bundles: known, at }).id.path, '/account-service');
});
test('X-3 rejects a leaf with the id of the trust domain', () =>
  refuses('PEER_CERTIFICATE_INVALID', [leaf({ uris: ['spiffe://bank-a'] })]));

const signedPart = (subject: Buffer): Buffer =>
  encodeSignedPart({
    kind: 'leaf',
    serial: Buffer.from([1]),
    subject,
    issuer: root.name,
    notBefore: NOW,
    notAfter: NOW + 60_000,
    spki: newSpki(),
    issuerKeyId: keyId(parseCertificate(root.der).spki),
    uri: ID,
  });
const altName = (tbs: Buffer): 'critical' | 'plain' => {
  const found = tbs.indexOf(Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x11]));
  return tbs[found + 5] === 0x01 ? 'critical' : 'plain';
};
test('X-4 the extension with the URI is critical when the subject is empty, and is accepted', () => {
  const tbs = signedPart(encodeName([]));
  assert.equal(altName(tbs), 'critical');
  const certificate = encodeCertificate(tbs, sign('sha256', tbs, root.key));
  assert.equal(`${verifyX509Svid({ chain: [certificate], bundles, at: NOW }).id}`, ID);
});
test('X-4 the extension with the URI is not critical when there is a subject', () =>
  assert.equal(altName(signedPart(encodeName([[OID.commonName, 'x']]))), 'plain'));

test('X-5 accepts authorities with the id of the trust domain of the leaf, or with none', async () => {
  const with_ = authority({ uris: ['spiffe://bank-a'] });
  const without = authority();
  accepts([leaf({}, with_), with_]);
  accepts([leaf({}, without), without]);
  assert.equal((await issued()).ca.subjectAltName, 'URI:spiffe://bank-a');
});
test('X-5 rejects an authority whose id has a path, is of another trust domain, or is one of two', () => {
  for (const uris of [['spiffe://bank-a/ca'], ['spiffe://bank-b'], ['spiffe://bank-a', 'spiffe://bank-a']]) {
    const wrong = authority({ uris });
    refuses('PEER_CHAIN_UNTRUSTED', [leaf({}, wrong), wrong]);
  }
});

test('X-6 accepts a leaf, not the authority above it, as who authenticates', () => accepts([leaf()]));
test('X-6 rejects an authority that authenticates itself', () => {
  const path = authority({ uris: [ID] });
  refuses('PEER_CERTIFICATE_INVALID', [root], [path], [authority({ uris: [ID], keyUsage: ['digitalSignature'] })]);
});

test('X-7 what is issued: an authority says cA, a leaf does not', async () => {
  const { leaf: made, ca } = await issued();
  assert.deepEqual([made.ca, ca.ca], [false, true]);
  accepts([leaf()]);
});
test('X-7 rejects a leaf that says cA, and an issuer that does not', () => {
  const notCa = forge({ keyUsage: ['keyCertSign'] }, root);
  refuses('PEER_CERTIFICATE_INVALID', [leaf({ ca: true, keyUsage: ['digitalSignature'] })]);
  refuses('PEER_CHAIN_UNTRUSTED', [leaf({}, notCa), notCa]);
  rejects(() => x509Bundle(BANK_A, [leaf().der]), 'BUNDLE_INVALID');
});

test('X-8 what is issued has a critical key usage, authorities too', async () => {
  const { chain, known } = await issued();
  const [made] = chain.map(parseCertificate);
  assert.equal(made?.keyUsage?.critical, true);
  assert.equal(known.get('bank-a')?.authorities[0]?.keyUsage?.critical, true);
});
test('X-8 rejects a leaf whose key usage is missing or not critical', () =>
  refuses('PEER_CERTIFICATE_INVALID', [leaf({ keyUsage: 'absent' })], [leaf({ keyUsageCritical: false })]));

test('X-9 what is issued: an authority has keyCertSign; with cRLSign it is accepted', async () => {
  const usage = (await issued()).known.get('bank-a')?.authorities[0]?.keyUsage;
  assert.deepEqual([usage?.keyCertSign, usage?.digitalSignature], [true, false]);
  const plain = authority({ keyUsage: ['keyCertSign'] });
  accepts([leaf({}, plain), plain]);
});
test('X-9 rejects an issuer without keyCertSign', () => {
  for (const keyUsage of [['cRLSign'], ['digitalSignature']] as const) {
    const wrong = authority({ keyUsage });
    refuses('PEER_CHAIN_UNTRUSTED', [leaf({}, wrong), wrong]);
  }
});

test('X-10 what is issued: a leaf has digitalSignature and may not sign certificates', async () => {
  const usage = parseCertificate((await issued()).chain[0] ?? Buffer.alloc(0)).keyUsage;
  assert.deepEqual([usage?.digitalSignature, usage?.keyCertSign, usage?.cRLSign], [true, false, false]);
  accepts([leaf()]);
});
test('X-10 rejects a leaf without digitalSignature', () =>
  refuses('PEER_CERTIFICATE_INVALID', [leaf({ keyUsage: ['keyAgreement'] })], [leaf({ keyUsage: [] })]));

test('X-11 what is issued serves both roles; without the extension any role is accepted', async () => {
  assert.deepEqual((await issued()).leaf.keyUsage, [OID.serverAuth, OID.clientAuth]);
  for (const purpose of ['server', 'client'] as const) {
    accepts([leaf()], { purpose });
    accepts([leaf({ extKeyUsage: [OID.serverAuth, OID.clientAuth] })], { purpose });
  }
});
test('X-11 rejects a leaf that is meant for another role', () => {
  rejects(() => verify([leaf({ extKeyUsage: [OID.clientAuth] })], { purpose: 'server' }), 'PEER_CHAIN_UNTRUSTED');
  rejects(() => verify([leaf({ extKeyUsage: [OID.serverAuth] })], { purpose: 'client' }), 'PEER_CHAIN_UNTRUSTED');
});

const unknown = extension('1.3.6.1.4.1.99999.1', true, sequence());
test('X-12 accepts a path that RFC 5280 accepts', () => {
  const first = authority({ pathLen: 1 });
  const second = authority({ pathLen: 0 }, first);
  accepts([leaf({}, second), first, second]);
  accepts([leaf({ notBefore: NOW, notAfter: NOW })]);
});
test('X-12 rejects a wrong signature', () => refuses('PEER_CHAIN_UNTRUSTED', [leaf({ signWith: newKey() })]));
test('X-12 rejects what has expired and what is to come', () => {
  const old = authority({ notAfter: NOW - 1000 });
  refuses(
    'PEER_CERTIFICATE_EXPIRED',
    [leaf({ notAfter: NOW - 1000 })],
    [leaf({ notBefore: NOW + 1000 })],
    [leaf({}, old), old],
  );
});
test('X-12 rejects an exceeded path length', () => {
  const zero = authority({ pathLen: 0 });
  const below = authority({}, zero);
  refuses('PEER_CHAIN_UNTRUSTED', [leaf({}, below), zero, below]);
});
test('X-12 rejects a critical extension that is not understood, at every place', () => {
  const above = authority({ extra: [unknown] });
  refuses('PEER_CHAIN_UNTRUSTED', [leaf({ extra: [unknown] })], [leaf({}, above), above]);
});

test('X-13 accepts a leaf that may sign nothing', () => accepts([leaf({ keyUsage: ['digitalSignature'] })]));
test('X-13 rejects a leaf that may sign certificates or revocation lists', () =>
  refuses(
    'PEER_CERTIFICATE_INVALID',
    [leaf({ keyUsage: ['digitalSignature', 'keyCertSign'] })],
    [leaf({ keyUsage: ['digitalSignature', 'cRLSign'] })],
    [leaf({ keyUsage: ['digitalSignature', 'keyCertSign'], ca: true })],
  ));

test('X-14 accepts the scheme spiffe', () => accepts([leaf()]));
test('X-14 rejects another scheme and what is no SPIFFE ID', () =>
  refuses(
    'PEER_CERTIFICATE_INVALID',
    ...['https://bank-a/x', 'SPIFFE://bank-a/x', 'spiffe://bank-a/x?y', 'spiffe://bank-a:1/x', 'urn:x', ''].map(
      (uri) => [leaf({ uris: [uri] })],
    ),
  ));

test('X-15 accepts a leaf by the bundle of its own trust domain', () => {
  accepts([leaf()]);
  assert.equal(`${verify([leaf({ uris: ['spiffe://bank-b/x'] }, otherRoot)]).id}`, 'spiffe://bank-b/x');
});
test('X-15 rejects a leaf by the authority of another trust domain, although that is federated', () => {
  refuses('PEER_CHAIN_UNTRUSTED', [leaf({}, otherRoot)], [leaf({}, otherRoot), otherRoot], [leaf({}, namelessRoot)]);
  refuses('PEER_TRUST_DOMAIN_UNKNOWN', [leaf({ uris: ['spiffe://bank-c/x'] })]);
});

test('X-16 what is issued starts with the leaf', async () => {
  const { chain } = await issued();
  assert.deepEqual(parseCertificate(chain[0] ?? Buffer.alloc(0)).uriSans, [ID]);
  const middle = authority();
  accepts([leaf({}, middle), middle]);
});
test('X-16 rejects a chain that does not start with the leaf', () => {
  const middle = authority();
  refuses('PEER_CERTIFICATE_INVALID', [middle, leaf({}, middle)]);
});

test('X-17 accepts an id with a path', () => accepts([leaf()]));
test('X-17 rejects an id without', () => refuses('PEER_CERTIFICATE_INVALID', [leaf({ uris: ['spiffe://bank-a'] })]));

const jwk = { use: 'x509-svid', ...publicJwk(root.key), x5c: [root.der.toString('base64')] };
const read = (...keys: readonly object[]) => parseBundle(JSON.stringify({ keys }), BANK_A).x509;
const trusts = (...keys: readonly object[]): void =>
  assert.equal(`${verify([leaf()], {}, new Map([['bank-a', read(...keys)]])).id}`, ID);
const distrusts = (...keys: readonly object[]): void =>
  rejects(() => verify([leaf()], {}, new Map([['bank-a', read(...keys)]])), 'PEER_CHAIN_UNTRUSTED');
const published = () => {
  const bundle = { ...emptyBundle(BANK_A), x509: x509Bundle(BANK_A, [root.der]) };
  return JSON.parse(formatBundle(bundle)).keys[0];
};

test('X-18 what is published has use x509-svid and no kid', () => {
  assert.equal(published().use, 'x509-svid');
  assert.equal(Object.hasOwn(published(), 'kid'), false);
  trusts({ ...jwk, kid: 'ignored' });
});
test('X-18 rejects a certificate of another use', () => {
  for (const use of ['jwt-svid', 'wit-svid', 'sig', undefined]) distrusts({ ...jwk, use, kid: 'k' });
});

test('X-19 what is published has one certificate in standard base64, and its key', () => {
  const { kty, crv, x, y, x5c } = published();
  assert.deepEqual({ kty, crv, x, y }, publicJwk(root.key));
  assert.deepEqual(x5c, [root.der.toString('base64')]);
  trusts(published());
});
test('X-19 rejects a certificate in base64url, and one that is no CA', () => {
  const url = root.der.toString('base64url');
  assert.notEqual(url, root.der.toString('base64'));
  distrusts({ ...jwk, x5c: [url] });
  distrusts({ ...jwk, x5c: [leaf().der.toString('base64')] });
});

test('X-20 accepts the rest beside a key without certificate, and the first value of several', () => {
  trusts({ ...jwk, x5c: undefined }, { ...jwk, x5c: [] }, jwk);
  trusts({ ...jwk, x5c: [root.der.toString('base64'), otherRoot.der.toString('base64'), 'rubbish'] });
});
test('X-20 rejects what only a later value would prove, and a key without certificate', () => {
  distrusts({ ...jwk, x5c: [otherRoot.der.toString('base64'), root.der.toString('base64')] });
  for (const x5c of [undefined, [], null, '', [1]]) distrusts({ ...jwk, x5c });
});

test('X-21 accepts X509-SVIDs of a trust domain with an authority', () => trusts(jwk));
test('X-21 rejects all X509-SVIDs of a trust domain without', () => {
  distrusts({ use: 'jwt-svid', kid: 'k', ...publicJwk(jwtKey.privateKey) });
  distrusts();
});

const constrained = (...trees: readonly (readonly [number, string])[]): Forged => {
  const list = trees.map(([number, host]) =>
    der(contextTag(number, true), sequence(der(contextTag(6, false), Buffer.from(host)))),
  );
  return authority({ extra: [extension(OID.nameConstraints, true, sequence(...list))] });
};
test('X-22 accepts an id that the name constraints permit', () => {
  const permits = constrained([0, 'bank-a']);
  accepts([leaf({}, permits), permits]);
});
test('X-22 rejects an id that they do not permit, or exclude', () => {
  for (const wrong of [
    constrained([0, 'bank-b']),
    constrained([0, '.bank-a']),
    constrained([0, 'bank-a'], [1, 'bank-a']),
  ])
    refuses('PEER_CHAIN_UNTRUSTED', [leaf({}, wrong), wrong]);
});
