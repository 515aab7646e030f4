import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { Entry } from '#wire/gen/spire/api/types';
import { forge } from '../../../test/forge/certificate.ts';
import { newKey, spiffeId, withSpire } from './spire.harness.ts';

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;
const spkiOf = (key = newKey()) => createPublicKey(key).export({ type: 'spki', format: 'der' });
const HOUR = 3_600_000;
const now = Date.now();
const CA = { asn1: forge({ ca: true, notBefore: now - HOUR, notAfter: now + HOUR }).der, tainted: false };
const KEY = {
  publicKey: spkiOf(),
  keyId: 'theirs',
  expiresAt: BigInt(Math.floor((now + HOUR) / 1000)),
  tainted: false,
};
const NOTHING = { x509Authorities: [], jwtAuthorities: [], witAuthorities: [], outputMask: undefined };

test('authorities of others join the bundle, once, stay over a restart, and leave it by taint and revoke', () =>
  withSpire(async (spire) => {
    const append = (more: object) => spire.local(BundleDefinition).appendBundle({ ...NOTHING, ...more });
    const before = await append({});
    const after = await append({
      x509Authorities: [CA, CA],
      jwtAuthorities: [KEY],
      witAuthorities: [{ ...KEY, keyId: 'wit' }],
    });
    assert.equal(after.x509Authorities.length, before.x509Authorities.length + 1);
    assert.ok(after.sequenceNumber > before.sequenceNumber);
    assert.deepEqual(after.jwtAuthorities.at(-1), { ...KEY, publicKey: Buffer.from(KEY.publicKey) });
    const again = await append({ x509Authorities: [CA], jwtAuthorities: [KEY] });
    assert.equal(again.sequenceNumber, after.sequenceNumber);
    await spire.restart();
    const operator = spire.local(LocalAuthorityDefinition);
    await assert.rejects(operator.revokeJWTAuthority({ authorityId: 'theirs' }), code('AUTHORITY_STATE_INVALID'));
    await operator.taintJWTAuthority({ authorityId: 'theirs' });
    await assert.rejects(operator.taintJWTAuthority({ authorityId: 'theirs' }), code('AUTHORITY_STATE_INVALID'));
    await operator.revokeJWTAuthority({ authorityId: 'theirs' });
    const { jwtAuthorities, x509Authorities } = await append({});
    assert.equal(jwtAuthorities.length, before.jwtAuthorities.length);
    assert.equal(x509Authorities.length, after.x509Authorities.length);
  }));

test('what is no authority is refused whole, and so is another key under an id that is there', () =>
  withSpire(async (spire) => {
    const client = spire.local(BundleDefinition);
    const append = (more: object) => client.appendBundle({ ...NOTHING, ...more });
    const own = await append({ jwtAuthorities: [KEY] });
    const [{ keyId = '' } = {}] = own.jwtAuthorities;
    for (const [more, expected] of [
      [{ x509Authorities: [CA, { asn1: Buffer.from('x'), tainted: false }] }, 'ARGUMENT_INVALID'],
      [{ x509Authorities: [{ asn1: forge({}).der, tainted: false }] }, 'ARGUMENT_INVALID'],
      [{ jwtAuthorities: [{ ...KEY, keyId: '' }] }, 'ARGUMENT_INVALID'],
      [{ jwtAuthorities: [{ ...KEY, publicKey: Buffer.from('x') }] }, 'ARGUMENT_INVALID'],
      [{ jwtAuthorities: [{ ...KEY, publicKey: spkiOf() }] }, 'ALREADY_EXISTS'],
      [{ jwtAuthorities: [{ ...KEY, keyId }] }, 'ALREADY_EXISTS'],
    ] as const)
      await assert.rejects(append(more), code(expected));
    assert.deepEqual(await append({}), own);
  }));

test('a server below publishes its keys; an ordinary workload may not', () =>
  withSpire(async (spire) => {
    const entry = {
      ...Entry.decode(new Uint8Array()),
      spiffeId: spiffeId('/below'),
      parentId: spiffeId('/node/one'),
      selectors: [{ type: 'unix', value: 'uid:1' }],
      downstream: true,
    };
    await spire.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
    const below = spire.tls(BundleDefinition, await spire.mint('/below'));
    const { jwtAuthorities } = await below.publishJWTAuthority({ jwtAuthority: KEY });
    assert.ok(jwtAuthorities.some(({ keyId }) => keyId === 'theirs'));
    const { witAuthorities } = await below.publishWITAuthority({ witAuthority: { ...KEY, keyId: 'wit' } });
    assert.ok(witAuthorities.some(({ keyId }) => keyId === 'wit'));
    await assert.rejects(below.publishJWTAuthority({ jwtAuthority: undefined }), code('ARGUMENT_INVALID'));
    await assert.rejects(below.appendBundle(NOTHING), code('CALLER_NOT_AUTHORIZED'));
    const other = spire.tls(BundleDefinition, await spire.mint('/other'));
    await assert.rejects(other.publishJWTAuthority({ jwtAuthority: KEY }), code('CALLER_NOT_AUTHORIZED'));
  }));
