import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { encodeSigningInput, joseSignature, publicJwk } from '#jws';
import { newTokenKey, signAs } from '../../test/forge/token.ts';
import {
  formatBundle,
  jwtBundle,
  jwtSvid,
  parseBundle,
  parseTrustDomain,
  SpiffeId,
  verifyJwtSvid,
  verifyWitSvid,
  witBundle,
  witSvid,
} from './index.ts';

const NOW = Date.UTC(2026, 5, 1);
const trustDomain = parseTrustDomain('bank-a');
const id = SpiffeId.parse('spiffe://bank-a/x');
const times = { issuedAt: NOW / 1000, expiresAt: NOW / 1000 + 300 };

test('what jwtSvid and witSvid build is what the validators accept', () => {
  for (const alg of ['ES256', 'ES384', 'ES512', 'RS256', 'PS512']) {
    const key = newTokenKey(alg);
    const authorities = new Map([['k', key.verifying]]);
    const jwt = jwtSvid({ id, audience: ['a', 'b'], kid: 'k', algorithm: alg, ...times });
    const jwtInput = encodeSigningInput(jwt.header, jwt.claims);
    const bundles = new Map([['bank-a', jwtBundle(trustDomain, authorities)]]);
    const token = `${jwtInput}.${signAs(alg, key.privateKey, jwtInput)}`;
    assert.deepEqual(verifyJwtSvid({ token, audience: 'b', bundles, at: NOW }).audience, ['a', 'b']);
    const confirmation = { ...publicJwk(key.privateKey), alg };
    const wit = witSvid({ id, kid: 'k', algorithm: alg, confirmation, ...times });
    const witInput = encodeSigningInput(wit.header, wit.claims);
    const verified = verifyWitSvid({
      token: `${witInput}.${signAs(alg, key.privateKey, witInput)}`,
      bundles: new Map([['bank-a', witBundle(trustDomain, authorities)]]),
      at: NOW,
    });
    assert.ok(verified.id.equals(id));
    assert.equal(verified.confirmation.algorithm, alg);
  }
});

test('a signature of a key manager becomes one of a token', () => {
  const key = newTokenKey();
  const { header, claims } = jwtSvid({ id, audience: ['a'], kid: 'k', algorithm: 'ES256', ...times });
  const input = encodeSigningInput(header, claims);
  const signature = joseSignature(sign('sha256', Buffer.from(input), key.privateKey));
  const bundle = {
    trustDomain,
    x509: { use: 'x509-svid' as const, trustDomain, authorities: [] },
    jwt: jwtBundle(trustDomain, new Map([['k', key.verifying]])),
    wit: witBundle(trustDomain, new Map()),
    sequence: 2n ** 63n,
  };
  const read = parseBundle(formatBundle(bundle), trustDomain);
  assert.equal(read.sequence, 2n ** 63n);
  const token = `${input}.${signature.toString('base64url')}`;
  assert.ok(verifyJwtSvid({ token, audience: 'a', bundles: new Map([['bank-a', read.jwt]]), at: NOW }).id.equals(id));
});
