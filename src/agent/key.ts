import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A P-256 key, made where it is used. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
}

export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}
