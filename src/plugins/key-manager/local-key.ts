import { createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { KEY_USE, type KeyType } from '#authority';
import { Fault } from '#kernel';

const generatePair = promisify(generateKeyPair);

/** A new private key in this process. */
export async function generateKey(type: KeyType): Promise<KeyObject> {
  switch (type) {
    case 'ec-p256':
      return (await generatePair('ec', { namedCurve: 'prime256v1' })).privateKey;
    case 'ec-p384':
      return (await generatePair('ec', { namedCurve: 'secp384r1' })).privateKey;
    case 'rsa-2048':
      return (await generatePair('rsa', { modulusLength: 2048 })).privateKey;
    case 'rsa-4096':
      return (await generatePair('rsa', { modulusLength: 4096 })).privateKey;
  }
}

/** SubjectPublicKeyInfo, DER. */
export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** Throws `KEY_UNREADABLE` for a key of a type that no authority signs with. */
export function keyTypeOf(key: KeyObject): KeyType {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'ec-p256';
  if (namedCurve === 'secp384r1') return 'ec-p384';
  if (key.asymmetricKeyType === 'rsa' && modulusLength === 2048) return 'rsa-2048';
  if (key.asymmetricKeyType === 'rsa' && modulusLength === 4096) return 'rsa-4096';
  throw new Fault('KEY_UNREADABLE', 'a key of this kind or size signs nothing here');
}

/** As `KeyManager.sign`, off the main thread: what is signed one after another there is signed on every core here. */
export function signWith(key: KeyObject, data: Uint8Array): Promise<Buffer> {
  const { hash } = KEY_USE[keyTypeOf(key)];
  return new Promise((resolve, reject) => {
    // The encoding counts for EC keys alone.
    sign(hash, data, { key, dsaEncoding: 'der' }, (error, signature) =>
      error === null ? resolve(signature) : reject(error),
    );
  });
}
