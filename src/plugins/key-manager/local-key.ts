import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '#authority';
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

/** As `KeyManager.sign`: at once for EC; off the main thread for RSA, which takes milliseconds. */
export function signWith(key: KeyObject, data: Uint8Array): Buffer | Promise<Buffer> {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return sign('sha256', data, { key, dsaEncoding: 'der' });
  if (namedCurve === 'secp384r1') return sign('sha384', data, { key, dsaEncoding: 'der' });
  if (key.asymmetricKeyType !== 'rsa') throw new Fault('INTERNAL_ERROR', 'a key of this kind signs nothing here');
  return new Promise((resolve, reject) => {
    sign('sha256', data, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
  });
}
