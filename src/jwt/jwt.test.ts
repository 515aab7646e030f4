import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { faultCode, ManualClock, unixSeconds } from '#kernel';
import type { MinterResource, TokenKind } from '#wire';
import { mintToken, verifyToken } from './index.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const publicKey = createPublicKey(privateKey);
const clock = new ManualClock();
const now = unixSeconds(clock);
const EDGE = 'spiffe://platform.example/edge';
const minter: MinterResource = {
  kid: 'key-1',
  trustDomain: 'bank-a',
  spiffeId: EDGE,
  issuer: EDGE,
  kinds: ['txn-token', 'internal-jwt'],
  publicJwk: { ...publicKey.export({ format: 'jwk' }), kid: 'key-1', alg: 'ES256' },
  notAfter: now + 3600,
  maxLifetimeSeconds: 900,
};
const claims = {
  iss: EDGE,
  aud: 'bank-a',
  iat: now,
  exp: now + 60,
  txn: 'a'.repeat(32),
  sub: 'spiffe://bank-a/user/12345',
  scope: 'read transfer',
  req_wl: EDGE,
  tctx: { tenant: 'bank-a', roles: ['user'], sid: 's' },
};
const internal = {
  iss: EDGE,
  aud: 'bank-a',
  iat: now,
  exp: now + 60,
  jti: 'j',
  sub: claims.sub,
  tenant: 'bank-a',
  roles: ['user'],
  scope: ['read'],
  sid: 's',
};

const verify = (
  token: string,
  extra: Partial<MinterResource> = {},
  kind: TokenKind = 'txn-token',
  audience = 'bank-a',
) =>
  verifyToken({
    token,
    kind,
    audience,
    minters: (kid) => (kid === 'key-1' ? { ...minter, ...extra } : undefined),
    clock,
  });
const mint = (change: Record<string, unknown> = {}, kind: TokenKind = 'txn-token', key = privateKey, kid = 'key-1') =>
  mintToken({ kind, claims: { ...(kind === 'txn-token' ? claims : internal), ...change }, kid, key });
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const raw = (header: unknown, payload: unknown, seal?: (input: string) => string): string => {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${(seal ?? ((text) => sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')))(input)}`;
};
const header = { alg: 'ES256', typ: 'txntoken+jwt', kid: 'key-1' };

/** The last character of 64 bytes carries four bits that decode to nothing. */
function setSpareBit(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? 'A') + 1];
}

test('accepts both kinds and says who, for whom and until when', async () => {
  const token = await verify(await mint());
  assert.equal(`${token.user}`, claims.sub);
  assert.deepEqual(
    [token.txn, token.tenant, token.scope, token.roles, token.expiresAt],
    [claims.txn, 'bank-a', ['read', 'transfer'], ['user'], now + 60],
  );
  assert.equal((await verify(await mint({}, 'internal-jwt'), {}, 'internal-jwt')).sessionId, 's');
  await verify(raw(header, claims));
});

const rejects: readonly (readonly [string, string, () => Promise<unknown>])[] = [
  ['one second at its end', 'TOKEN_EXPIRED', async () => verify(await mint({ exp: now }))],
  ['without exp', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ exp: undefined }))],
  ['with exp as text', 'TOKEN_CLAIM_INVALID', async () => verify(raw(header, { ...claims, exp: `${now + 60}` }))],
  ['without iat', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ iat: undefined }))],
  ['of the future', 'TOKEN_NOT_YET_VALID', async () => verify(await mint({ iat: now + 3, exp: now + 60 }))],
  ['that lives longer than granted', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ exp: now + 901 }))],
  ['whose nbf is to come', 'TOKEN_NOT_YET_VALID', async () => verify(await mint({ nbf: now + 3 }))],
  ['without aud', 'TOKEN_AUDIENCE_MISMATCH', async () => verify(await mint({ aud: undefined }))],
  ['for another audience', 'TOKEN_AUDIENCE_MISMATCH', async () => verify(await mint({ aud: 'bank-b' }))],
  ['for two audiences', 'TOKEN_AUDIENCE_MISMATCH', async () => verify(await mint({ aud: ['bank-a', 'bank-b'] }))],
  [
    'of another issuer',
    'TOKEN_ISSUER_MISMATCH',
    async () => verify(await mint({ iss: 'spiffe://platform.example/other' })),
  ],
  ['without issuer', 'TOKEN_ISSUER_MISMATCH', async () => verify(await mint({ iss: undefined }))],
  ['without transaction', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ txn: undefined }))],
  ['without scope', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ scope: undefined }))],
  ['without requesting workload', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ req_wl: [EDGE] }))],
  [
    'whose user is of another trust domain',
    'TOKEN_CLAIM_INVALID',
    async () => verify(await mint({ sub: 'spiffe://bank-b/user/1' })),
  ],
  ['whose tenant is another', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ tctx: { tenant: 'bank-b' } }))],
  ['whose subject is no SPIFFE ID', 'TOKEN_CLAIM_INVALID', async () => verify(await mint({ sub: 'alice' }))],
  ['signed by another key', 'TOKEN_SIGNATURE_INVALID', async () => verify(await mint({}, 'txn-token', other))],
  ['of an unknown key', 'MINTER_UNKNOWN', async () => verify(await mint({}, 'txn-token', privateKey, 'key-2'))],
  [
    'of a minter of another trust domain',
    'MINTER_UNKNOWN',
    async () => verify(await mint(), { trustDomain: 'bank-b' }),
  ],
  ['of a minter of other kinds', 'MINTER_UNKNOWN', async () => verify(await mint(), { kinds: ['internal-jwt'] })],
  ['of a minter whose registration has ended', 'MINTER_UNKNOWN', async () => verify(await mint(), { notAfter: now })],
  ['at another trust domain', 'TOKEN_AUDIENCE_MISMATCH', async () => verify(await mint(), {}, 'txn-token', 'bank-b')],
  ['internal as Txn-Token', 'TOKEN_KIND_MISMATCH', async () => verify(await mint({}, 'internal-jwt'))],
  ['Txn-Token as internal', 'TOKEN_KIND_MISMATCH', async () => verify(await mint(), {}, 'internal-jwt')],
  ['with alg none', 'TOKEN_ALGORITHM_REFUSED', async () => verify(raw({ ...header, alg: 'none' }, claims, () => 'AA'))],
  [
    'with an HMAC over the public key',
    'TOKEN_ALGORITHM_REFUSED',
    async () =>
      verify(
        raw({ ...header, alg: 'HS256' }, claims, (input) =>
          createHmac('sha256', publicKey.export({ type: 'spki', format: 'pem' }))
            .update(input)
            .digest('base64url'),
        ),
      ),
  ],
  ['with crit', 'TOKEN_MALFORMED', async () => verify(raw({ ...header, crit: ['x'], x: 1 }, claims))],
  ['with b64 false', 'TOKEN_MALFORMED', async () => verify(raw({ ...header, b64: false }, claims))],
  [
    'with a doubled claim',
    'TOKEN_MALFORMED',
    async () => verify(raw(header, JSON.stringify(claims).replace('{', '{"sub":"spiffe://bank-a/user/1",'))),
  ],
  [
    'with a doubled claim spelled by escapes',
    'TOKEN_MALFORMED',
    async () => verify(raw(header, JSON.stringify(claims).replace('{', '{"\\u0073ub":"spiffe://bank-a/user/1",'))),
  ],
  [
    'of which a signature bit that means nothing is set',
    'TOKEN_MALFORMED',
    async () => verify(setSpareBit(await mint())),
  ],
  ['with two parts', 'TOKEN_MALFORMED', async () => verify('a.b')],
  ['with five parts', 'TOKEN_MALFORMED', async () => verify(`${await mint()}.a.b`)],
  ['with a blank', 'TOKEN_MALFORMED', async () => verify(` ${await mint()}`)],
  ['of more than 8 KiB', 'TOKEN_MALFORMED', async () => verify(await mint({ pad: 'x'.repeat(8192) }))],
];

for (const [what, code, attempt] of rejects) {
  test(`rejects a token ${what}`, () =>
    assert.rejects(attempt, (error) => faultCode(error) === code || assert.fail(`${faultCode(error)}: ${error}`)));
}

test('rejects every token that differs from a sound one by one character', async () => {
  const sound = await mint();
  for (let index = sound.length - 1; index >= 0; index -= 3) {
    const changed = `${sound.slice(0, index)}${sound[index] === 'A' ? 'B' : 'A'}${sound.slice(index + 1)}`;
    await assert.rejects(
      verify(changed),
      (error) => faultCode(error)?.match(/^(TOKEN|MINTER)_/) != null,
      `at ${index}`,
    );
  }
});
