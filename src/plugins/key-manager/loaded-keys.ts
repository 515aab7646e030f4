import type { KeyObject } from 'node:crypto';
import { Fault } from '#kernel';
import { signWith, spkiOf } from './local-key.ts';

/** Private keys of this process, each loaded from where it is kept when it is first asked for. */
export class LoadedKeys {
  readonly #load: (name: string) => Promise<KeyObject | undefined>;
  readonly #keys = new Map<string, KeyObject>();

  constructor(load: (name: string) => Promise<KeyObject | undefined>) {
    this.#load = load;
  }

  async get(name: string): Promise<KeyObject | undefined> {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = await this.#load(name);
    if (key !== undefined) this.#keys.set(name, key);
    return key;
  }

  put(name: string, key: KeyObject): void {
    this.#keys.set(name, key);
  }

  delete(name: string): void {
    this.#keys.delete(name);
  }

  /** As `KeyManager.find`. */
  async find(name: string): Promise<Buffer | undefined> {
    const key = await this.get(name);
    return key === undefined ? undefined : spkiOf(key);
  }

  /** As `KeyManager.sign`. Throws `NOT_FOUND`. */
  sign(name: string, data: Uint8Array): Buffer | Promise<Buffer> {
    const known = this.#keys.get(name);
    return known === undefined ? this.#signWithLoaded(name, data) : signWith(known, data);
  }

  async #signWithLoaded(name: string, data: Uint8Array): Promise<Buffer> {
    const key = await this.get(name);
    if (key === undefined) throw new Fault('NOT_FOUND', 'no key of this name');
    return signWith(key, data);
  }
}
