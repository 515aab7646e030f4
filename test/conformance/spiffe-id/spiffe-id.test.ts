import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jwtSvid, parseTrustDomain, SpiffeId, verifyJwtSvid, verifyWitSvid, verifyX509Svid, x509Bundle } from '#spiffe';
import { parseCertificate } from '#x509';
import { NOW as CERTIFICATE_NOW, forge } from '../../forge/certificate.ts';
import { forgeToken } from '../../forge/token.ts';
import { newAuthority, newSpki } from '../authority.ts';
import { BANK_A, JWT_HEADER, jwt, jwtBundles, jwtKey, NOW, SECONDS, SUBJECT, wit, witBundles } from '../issuer.ts';
import { rejects, rejectsLater } from '../rejects.ts';

const accepts = (...texts: readonly string[]): void => {
  for (const text of texts) assert.equal(`${SpiffeId.parse(text)}`, text);
};
const refuses = (...texts: readonly string[]): void => {
  for (const text of texts) rejects(() => SpiffeId.parse(text), 'SPIFFE_ID_INVALID');
};

test('ID-1 accepts the scheme spiffe, in lower case', () => accepts('spiffe://td/a'));
test('ID-1 rejects other schemes, other spellings and none', () =>
  refuses(
    'http://td/a',
    'spiffe:td/a',
    'spiffe:/td/a',
    'td/a',
    '//td/a',
    'SPIFFE://td/a',
    'Spiffe://td/a',
    ' spiffe://td/a',
    '',
  ));

test('ID-2 accepts a trust domain', () => accepts('spiffe://td', 'spiffe://t'));
test('ID-2 rejects an empty trust domain', () => refuses('spiffe://', 'spiffe:///a', 'spiffe:////a'));

test('ID-3 accepts a host alone', () => accepts('spiffe://td/a'));
test('ID-3 rejects user information and ports, an empty port too', () =>
  refuses(
    'spiffe://u@td/a',
    'spiffe://u:p@td/a',
    'spiffe://@td/a',
    'spiffe://td:1/a',
    'spiffe://td:/a',
    'spiffe://td:',
  ));

test('ID-4 accepts a host in lower case', () => accepts('spiffe://td/A'));
test('ID-4 rejects a host with upper case', () => refuses('spiffe://TD/a', 'spiffe://tD/a', 'spiffe://Td'));

const ofByte = (build: (character: string) => string): number =>
  Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).filter((character) => {
    try {
      return character !== '/' && SpiffeId.parse(build(character)).toString() !== '';
    } catch {
      return false;
    }
  }).length;

test('ID-5 accepts exactly 39 characters in a host', () => {
  assert.equal(
    ofByte((character) => `spiffe://a${character}b/x`),
    39,
  );
  accepts('spiffe://abcdefghijklmnopqrstuvwxyz0123456789.-_/x');
});
test('ID-5 rejects every other character in a host', () =>
  refuses(
    'spiffe://t d/a',
    'spiffe://t!d/a',
    'spiffe://tdé/a',
    'spiffe://т/a',
    'spiffe://td\n',
    'spiffe://td\0',
    'spiffe://t\\d',
  ));

test('ID-6 accepts a host as it is', () => accepts('spiffe://td'));
test('ID-6 rejects percent-encoding in a host', () => refuses('spiffe://t%64/a', 'spiffe://%74d/a', 'spiffe://td%/a'));

test('ID-7 accepts a host whatever it looks like', () =>
  accepts(
    'spiffe://1.2.3.4/a',
    'spiffe://999.1/a',
    'spiffe://-a_.b/a',
    'spiffe://..',
    'spiffe://.',
    'spiffe://-/a',
    'spiffe://_',
  ));
test('ID-7 rejects the text of an IPv6 address', () => refuses('spiffe://[::1]/a', 'spiffe://::1/a'));

test('ID-8 accepts an id that ends with its path', () => accepts('spiffe://td/a'));
test('ID-8 rejects a query or fragment, an empty one too', () =>
  refuses(
    'spiffe://td/a?',
    'spiffe://td/a?x',
    'spiffe://td/a#',
    'spiffe://td/a#f',
    'spiffe://td?x',
    'spiffe://td#f',
    'spiffe://td?',
  ));

test('ID-9 accepts a path as it is', () => accepts('spiffe://td/2e2e'));
test('ID-9 rejects percent-encoding in a path', () =>
  refuses('spiffe://td/a%20b', 'spiffe://td/%2e%2e', 'spiffe://td/a%2fb', 'spiffe://td/%61', 'spiffe://td/%'));

test('ID-10 accepts dots that are no relative segment', () =>
  accepts(
    'spiffe://td/...',
    'spiffe://td/.a',
    'spiffe://td/a.',
    'spiffe://td/..a',
    'spiffe://td/a..',
    'spiffe://td/a/..../b',
  ));
test('ID-10 rejects empty and relative segments', () =>
  refuses(
    'spiffe://td//a',
    'spiffe://td/a//b',
    'spiffe://td/./a',
    'spiffe://td/a/.',
    'spiffe://td/..',
    'spiffe://td/a/..',
    'spiffe://td/../a',
  ));

test('ID-11 accepts no slash at the end', () => accepts('spiffe://td', 'spiffe://td/a'));
test('ID-11 rejects a slash at the end', () => refuses('spiffe://td/', 'spiffe://td/a/'));

test('ID-12 accepts exactly 65 characters in a segment', () =>
  assert.equal(
    ofByte((character) => `spiffe://td/a${character}b`),
    65,
  ));
test('ID-12 rejects every other character in a segment', () =>
  refuses(
    'spiffe://td/a b',
    'spiffe://td/a:b',
    'spiffe://td/a@b',
    'spiffe://td/a~b',
    'spiffe://td/é',
    'spiffe://td/a\n',
    'spiffe://td/a\0',
    'spiffe://td/a\\b',
  ));

const LONGEST = `spiffe://bank-a/${'x'.repeat(2048 - 'spiffe://bank-a/'.length)}`;

test('ID-13 accepts an id of 2048 bytes: parsed, issued, in a JWT-SVID, in a WIT-SVID, verified', async () => {
  accepts(LONGEST);
  const id = SpiffeId.parse(LONGEST);
  const { authority, bundles, clock } = await newAuthority();
  const { chain } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60 });
  assert.ok(verifyX509Svid({ chain, bundles: bundles(), at: clock.now() }).id.equals(id));
  const { claims } = jwtSvid({
    id,
    audience: ['ledger'],
    kid: 'jwt-1',
    algorithm: 'ES256',
    issuedAt: SECONDS,
    expiresAt: SECONDS + 60,
  });
  const token = forgeToken(jwtKey, JWT_HEADER, claims);
  assert.ok(verifyJwtSvid({ token, audience: 'ledger', bundles: jwtBundles, at: NOW }).id.equals(id));
  assert.ok(verifyWitSvid({ token: wit({ sub: LONGEST }), bundles: witBundles, at: NOW }).id.equals(id));
  await authority.close();
});

test('ID-14 accepts a trust domain of 255 bytes', () => {
  accepts(`spiffe://${'a'.repeat(255)}/a`);
  assert.equal(parseTrustDomain('a'.repeat(255)).length, 255);
});
test('ID-14 rejects an id of 2049 bytes and a trust domain of 256', () => {
  refuses(`${LONGEST}x`, `spiffe://${'a'.repeat(256)}/a`);
  rejects(() => SpiffeId.of(BANK_A, `/${'x'.repeat(2048)}`), 'SPIFFE_ID_INVALID');
  rejects(() => parseTrustDomain('a'.repeat(256)), 'TRUST_DOMAIN_INVALID');
});

test('ID-15 an id equals itself only, paths compared by case', () => {
  const id = SpiffeId.parse('spiffe://td/A');
  assert.ok(id.equals(SpiffeId.parse('spiffe://td/A')));
  assert.ok(!id.equals(SpiffeId.parse('spiffe://td/a')));
  assert.ok(!SpiffeId.parse('spiffe://td/User/1').isUnder('/user/'));
});

test('ID-16 the signing authority of a trust domain carries the id of the trust domain', async () => {
  const { authority } = await newAuthority();
  for (const text of authority.bundle().x509Authorities)
    assert.deepEqual(parseCertificate(Buffer.from(text, 'base64')).uriSans, ['spiffe://bank-a']);
  await authority.close();
});
test('ID-16 refuses to issue the id of the trust domain to a workload', async () => {
  const { authority } = await newAuthority();
  const request = { id: SpiffeId.parse('spiffe://bank-a'), publicKeySpki: newSpki(), ttlSeconds: 60 };
  await rejectsLater(() => authority.issueX509Svid(request), 'SPIFFE_ID_INVALID');
  await authority.close();
});

const root = forge({ ca: true, uris: ['spiffe://bank-a'] });
const leaf = forge({ uris: [SUBJECT] }, root);
const x509 = (chain: readonly Buffer[]) =>
  verifyX509Svid({ chain, bundles: new Map([['bank-a', x509Bundle(BANK_A, [root.der])]]), at: CERTIFICATE_NOW });

test('ID-17 accepts a document as it was signed', () => {
  assert.equal(`${x509([leaf.der]).id}`, SUBJECT);
  assert.equal(`${verifyJwtSvid({ token: jwt(), audience: 'ledger', bundles: jwtBundles, at: NOW }).id}`, SUBJECT);
});

test('ID-17 rejects one flipped bit in the id or the public key', () => {
  const spki = parseCertificate(leaf.der).spki;
  for (const [part, offset] of [
    [Buffer.from(SUBJECT), SUBJECT.length - 1],
    [spki, spki.length - 1],
  ] as const) {
    const flipped = Buffer.from(leaf.der);
    const at = flipped.indexOf(part) + offset;
    flipped[at] = (flipped[at] ?? 0) ^ 2;
    assert.throws(() => x509([flipped]), /PEER_CHAIN_UNTRUSTED|PEER_CERTIFICATE_INVALID/);
  }
  const [header, , signature] = jwt().split('.');
  const payload = jwt({ sub: `${SUBJECT}2` }).split('.')[1];
  const token = `${header}.${payload}.${signature}`;
  rejects(() => verifyJwtSvid({ token, audience: 'ledger', bundles: jwtBundles, at: NOW }), 'TOKEN_SIGNATURE_INVALID');
});

test('ID-18 accepts each kind of document where it belongs', () => {
  assert.equal(`${x509([leaf.der]).id}`, SUBJECT);
  assert.equal(`${verifyWitSvid({ token: wit(), bundles: witBundles, at: NOW }).id}`, SUBJECT);
});

test('ID-18 rejects a document of another kind, or of none', () => {
  const json = JSON.stringify({ spiffe_id: SUBJECT });
  for (const text of [json, Buffer.from(json).toString('base64url'), `${leaf.der.toString('base64')}`]) {
    rejects(() => verifyJwtSvid({ token: text, audience: 'ledger', bundles: jwtBundles, at: NOW }), 'TOKEN_MALFORMED');
    rejects(() => verifyWitSvid({ token: text, bundles: witBundles, at: NOW }), 'TOKEN_MALFORMED');
    rejects(() => x509([Buffer.from(text)]), 'PEER_CERTIFICATE_INVALID');
  }
  rejects(() => verifyWitSvid({ token: jwt(), bundles: witBundles, at: NOW }), 'TOKEN_KIND_MISMATCH');
  rejects(
    () => verifyJwtSvid({ token: wit(), audience: 'ledger', bundles: jwtBundles, at: NOW }),
    'TOKEN_KIND_MISMATCH',
  );
  rejects(() => x509([Buffer.from(jwt())]), 'PEER_CERTIFICATE_INVALID');
});
