import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { faultCode, isFault } from '#kernel';
import { readPublicKey } from './public-key.ts';

const spki = (curve: string): Buffer =>
  generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'der' });
const rsa = (modulusLength: number): Buffer =>
  generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ type: 'spki', format: 'der' });
const code = (key: Buffer): string | undefined => {
  try {
    readPublicKey(key);
    return undefined;
  } catch (error) {
    assert.ok(isFault(error));
    return faultCode(error);
  }
};

test('accepts P-256, P-384, P-521, Ed25519 and RSA of 2048 bits; rejects other curves, kinds and sizes', () => {
  for (const curve of ['prime256v1', 'secp384r1', 'secp521r1']) assert.equal(code(spki(curve)), undefined);
  const edwards = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
  const montgomery = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' });
  assert.equal(code(edwards), undefined);
  assert.equal(code(rsa(2048)), undefined);
  for (const key of [spki('secp256k1'), montgomery, rsa(1024)]) assert.equal(code(key), 'CERTIFICATE_INVALID');
});

test('rejects a hybrid point: the same key under another encoding', () => {
  const key = spki('prime256v1');
  const hybrid = Buffer.from(key);
  hybrid[26] = 0x06 | ((hybrid.at(-1) ?? 0) & 1);
  assert.equal(key[26], 0x04);
  assert.equal(code(hybrid), 'CERTIFICATE_INVALID');
});

test('rejects a point that is not on the curve', () => {
  const wrong = Buffer.from(spki('prime256v1'));
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
  assert.equal(code(wrong), 'DER_INVALID');
});

test('a P-256 key that is opened by its point is the key of its encoding', () => {
  const key = spki('prime256v1');
  const read = readPublicKey(key);
  assert.ok(read.equals(createPublicKey({ key, format: 'der', type: 'spki' })));
  assert.ok(read.export({ type: 'spki', format: 'der' }).equals(key));
  assert.equal(read.asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('rejects bytes after the key', () => {
  assert.equal(code(Buffer.concat([spki('prime256v1'), Buffer.from([0])])), 'DER_INVALID');
});
