import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { parseTrustDomain, verifyX509Svid, x509Bundle } from '#spiffe';
import { OID } from '#x509';
import { contextTag } from '../../../src/x509/der-reader.ts';
import { der, sequence } from '../../../src/x509/der-writer.ts';
import { extension, type Forged, type Forgery, forge, NOW, newKey } from '../../forge/certificate.ts';

const ID = 'spiffe://bank-a/account-service';
const root = forge({ ca: true, uris: ['spiffe://bank-a'] });
const otherRoot = forge({ ca: true, uris: ['spiffe://bank-b'] });
const bundles = new Map([
  ['bank-a', x509Bundle(parseTrustDomain('bank-a'), [root.der])],
  ['bank-b', x509Bundle(parseTrustDomain('bank-b'), [otherRoot.der])],
]);

interface Case {
  readonly rule: string;
  readonly chain: readonly Forged[];
  readonly code?: string;
  readonly at?: number;
  readonly purpose?: 'server' | 'client';
}

const leaf = (what: Forgery = {}, issuer: Forged = root): Forged => forge({ uris: [ID], ...what }, issuer);
const intermediate = forge({ ca: true, uris: ['spiffe://bank-a'] }, root);
const second = forge({ ca: true }, intermediate);
const noPath = forge({ ca: true, pathLen: 0 }, root);
const belowNoPath = forge({ ca: true }, noPath);
const notCa = forge({}, root);
const noCertSign = forge({ ca: true, keyUsage: ['cRLSign'] }, root);
const expiredParent = forge({ ca: true, notBefore: NOW - 2000, notAfter: NOW - 1000 }, root);
const impostor = forge({ ca: true, key: newKey(), subject: 'impostor' });
const constrained = (permitted: string, excluded?: string): Forged => {
  const tree = (number: number, host: string): Buffer =>
    der(contextTag(number, true), sequence(der(contextTag(6, false), Buffer.from(host))));
  return forge(
    {
      ca: true,
      extra: [
        extension(OID.nameConstraints, true, sequence(tree(0, permitted), ...(excluded ? [tree(1, excluded)] : []))),
      ],
    },
    root,
  );
};
const permitsUs = constrained('bank-a');
const permitsOther = constrained('bank-b');
const excludesUs = constrained('bank-a', 'bank-a');
const clientsOnly = forge({ ca: true, extKeyUsage: [OID.clientAuth] }, root);
const pathId = forge({ ca: true, uris: ['spiffe://bank-a/authority'] }, root);
const foreignId = forge({ ca: true, uris: ['spiffe://bank-b'] }, root);
const unknownCritical = extension('1.3.6.1.4.1.99999.1', true, sequence());

const cases: readonly Case[] = [
  { rule: 'accepts a leaf of the root', chain: [leaf()] },
  { rule: 'accepts a path through two intermediates, in any order', chain: [leaf({}, second), intermediate, second] },
  { rule: 'accepts an intermediate that is not on the path', chain: [leaf(), second] },
  { rule: 'accepts a leaf directly under a CA of path length 0', chain: [leaf({}, noPath), noPath] },
  {
    rule: 'accepts any number of DNS names beside the one URI',
    chain: [leaf({ dnsNames: ['a.example', 'b.example'] })],
  },
  { rule: 'accepts a URI that a name constraint permits', chain: [leaf({}, permitsUs), permitsUs] },
  { rule: 'accepts the moment of notAfter', chain: [leaf({ notAfter: NOW })] },
  {
    rule: 'accepts an extended key usage of its role',
    chain: [leaf({ extKeyUsage: [OID.clientAuth] })],
    purpose: 'client',
  },
  { rule: 'rejects nothing at all', chain: [], code: 'PEER_CERTIFICATE_MISSING' },
  {
    rule: 'rejects a leaf one second after notAfter',
    chain: [leaf({ notAfter: NOW - 1000 })],
    code: 'PEER_CERTIFICATE_EXPIRED',
  },
  {
    rule: 'rejects a leaf one second before notBefore',
    chain: [leaf({ notBefore: NOW + 1000 })],
    code: 'PEER_CERTIFICATE_EXPIRED',
  },
  {
    rule: 'rejects an expired parent',
    chain: [leaf({}, expiredParent), expiredParent],
    code: 'PEER_CERTIFICATE_EXPIRED',
  },
  {
    rule: 'rejects a leaf signed by the CA of another federated trust domain',
    chain: [leaf({}, otherRoot)],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects a trust domain without bundle',
    chain: [leaf({ uris: ['spiffe://bank-c/x'] })],
    code: 'PEER_TRUST_DOMAIN_UNKNOWN',
  },
  { rule: 'rejects a missing intermediate', chain: [leaf({}, second), intermediate], code: 'PEER_CHAIN_UNTRUSTED' },
  { rule: 'rejects an issuer that is no CA', chain: [leaf({}, notCa), notCa], code: 'PEER_CHAIN_UNTRUSTED' },
  {
    rule: 'rejects an issuer without keyCertSign',
    chain: [leaf({}, noCertSign), noCertSign],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects a path longer than a path length allows',
    chain: [leaf({}, belowNoPath), noPath, belowNoPath],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects a URI that no name constraint permits',
    chain: [leaf({}, permitsOther), permitsOther],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects a URI that a name constraint excludes',
    chain: [leaf({}, excludesUs), excludesUs],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects a swapped key: right names, other signature',
    chain: [leaf({ signWith: impostor.key })],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  { rule: 'rejects a self-signed leaf', chain: [forge({ uris: [ID] })], code: 'PEER_CHAIN_UNTRUSTED' },
  {
    rule: 'rejects a root that the peer brings along',
    chain: [leaf({}, impostor), impostor],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'X-2 rejects two URI names',
    chain: [leaf({ uris: [ID, 'https://bank-a/x'] })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  { rule: 'X-1 rejects a leaf without URI', chain: [leaf({ uris: [] })], code: 'PEER_CERTIFICATE_INVALID' },
  {
    rule: 'X-3 rejects an id without path',
    chain: [leaf({ uris: ['spiffe://bank-a'] })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  {
    rule: 'X-14 rejects another scheme',
    chain: [leaf({ uris: ['https://bank-a/x'] })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  { rule: 'X-6 rejects the CA itself', chain: [root], code: 'PEER_CERTIFICATE_INVALID' },
  {
    rule: 'X-7 rejects a leaf that is a CA',
    chain: [leaf({ ca: true, keyUsage: ['digitalSignature'] })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  {
    rule: 'X-10 rejects keyCertSign on a leaf',
    chain: [leaf({ keyUsage: ['digitalSignature', 'keyCertSign'] })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  {
    rule: 'X-10 rejects cRLSign on a leaf',
    chain: [leaf({ keyUsage: ['digitalSignature', 'cRLSign'] })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  {
    rule: 'X-8 rejects a leaf without key usage',
    chain: [leaf({ keyUsage: 'absent' })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  {
    rule: 'X-8 rejects a key usage that is not critical',
    chain: [leaf({ keyUsageCritical: false })],
    code: 'PEER_CERTIFICATE_INVALID',
  },
  {
    rule: 'X-12 rejects an unknown critical extension of the leaf',
    chain: [leaf({ extra: [unknownCritical] })],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'X-11 rejects an extended key usage of another role',
    chain: [leaf({ extKeyUsage: [OID.clientAuth] })],
    purpose: 'server',
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects a path through an authority that is limited to the other role',
    chain: [leaf({}, clientsOnly), clientsOnly],
    purpose: 'server',
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'accepts a path through an authority that is limited to its role',
    chain: [leaf({}, clientsOnly), clientsOnly],
    purpose: 'client',
  },
  {
    rule: 'rejects a DNS name that is none where an authority constrains names',
    chain: [leaf({ dnsNames: ['a\u0013.example'] }, permitsUs), permitsUs],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'X-5 rejects an authority whose id has a path',
    chain: [leaf({}, pathId), pathId],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'X-5 rejects an authority whose id is of another trust domain',
    chain: [leaf({}, foreignId), foreignId],
    code: 'PEER_CHAIN_UNTRUSTED',
  },
  {
    rule: 'rejects nine certificates',
    chain: [leaf(), ...Array.from({ length: 8 }, () => second)],
    code: 'PEER_CERTIFICATE_INVALID',
  },
];

for (const { rule, chain, code, at, purpose } of cases) {
  test(rule, () => {
    const verify = () =>
      verifyX509Svid({ chain: chain.map(({ der }) => der), bundles, at: at ?? NOW, ...(purpose ? { purpose } : {}) });
    if (code === undefined) assert.equal(verify().id.toString(), ID);
    else assert.throws(verify, (error) => faultCode(error) === code || assert.fail(`${faultCode(error)}: ${error}`));
  });
}

test('any flipped byte of a chain is refused', () => {
  const sound = leaf().der;
  for (let index = 0; index < sound.length; index++) {
    const flipped = Buffer.from(sound);
    flipped[index] = (flipped[index] ?? 0) ^ 0x01;
    assert.throws(
      () => verifyX509Svid({ chain: [flipped], bundles, at: NOW }),
      (error) => faultCode(error) !== undefined,
      `byte ${index}`,
    );
  }
});

test('any truncation of a certificate is refused with a fault', () => {
  const sound = leaf().der;
  for (let length = 0; length < sound.length; length++) {
    const chain = [sound.subarray(0, length)];
    assert.throws(
      () => verifyX509Svid({ chain, bundles, at: NOW }),
      (error) => faultCode(error) !== undefined,
    );
  }
});

test('an empty bundle trusts nobody', () => {
  const empty = new Map([['bank-a', x509Bundle(parseTrustDomain('bank-a'), [])]]);
  assert.throws(
    () => verifyX509Svid({ chain: [leaf().der], bundles: empty, at: NOW }),
    (error) => faultCode(error) === 'PEER_CHAIN_UNTRUSTED',
  );
});
