import type { KeyObject } from 'node:crypto';
import type { KeyManager, KeyType } from '#authority';
import { Fault } from '#kernel';
import { generateKey, signWith, spkiOf } from '../local-key.ts';

/** Keys that live as long as the process. */
export class MemoryKeyManager implements KeyManager {
  readonly signsHere: boolean = true;
  readonly #keys = new Map<string, KeyObject>();

  async generate(name: string, type: KeyType): Promise<Buffer> {
    if (this.#keys.has(name)) throw new Fault('ALREADY_EXISTS', 'a key of this name exists');
    const key = await generateKey(type);
    if (this.#keys.has(name)) throw new Fault('ALREADY_EXISTS', 'a key of this name exists');
    this.#keys.set(name, key);
    return spkiOf(key);
  }

  async find(name: string): Promise<Buffer | undefined> {
    const key = this.#keys.get(name);
    return key === undefined ? undefined : spkiOf(key);
  }

  sign(name: string, data: Uint8Array): Buffer | Promise<Buffer> {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Fault('NOT_FOUND', 'no key of this name');
    return signWith(key, data);
  }

  async delete(name: string): Promise<void> {
    this.#keys.delete(name);
  }
}
