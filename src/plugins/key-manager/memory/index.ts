import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { KeyManager } from '#authority';
import { Fault } from '#kernel';

/** Keys that live as long as the process. */
export class MemoryKeyManager implements KeyManager {
  readonly #keys = new Map<string, KeyObject>();

  async generate(name: string): Promise<Buffer> {
    if (this.#keys.has(name)) throw new Fault('ALREADY_EXISTS', 'a key of this name exists');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.#keys.set(name, privateKey);
    return publicSpki(privateKey);
  }

  async find(name: string): Promise<Buffer | undefined> {
    const key = this.#keys.get(name);
    return key === undefined ? undefined : publicSpki(key);
  }

  async sign(name: string, data: Uint8Array): Promise<Buffer> {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Fault('NOT_FOUND', 'no key of this name');
    return sign('sha256', data, { key, dsaEncoding: 'der' });
  }

  async delete(name: string): Promise<void> {
    this.#keys.delete(name);
  }
}

function publicSpki(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}
