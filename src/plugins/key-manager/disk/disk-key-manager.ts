import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyManager, KeyType } from '#authority';
import { Fault, type Secret } from '#kernel';
import { LoadedKeys } from '../loaded-keys.ts';
import { generateKey, spkiOf } from '../local-key.ts';
import { isSealed, Seal } from '../seal.ts';
import { makePrivateDirectory, readOptional, STAGING, writePrivateFile } from './private-file.ts';

export interface DiskKeyManagerOptions {
  /** Seals every key; keys that were plain are sealed when they are first used. Without it they are plain. */
  readonly passphrase?: Secret;
}

const SUFFIX = '.key';
const SEAL_FILE = 'seal.json';

/**
 * Keys as files of mode 0600 in a directory of mode 0700, written atomically; sealed when there is a passphrase, else PKCS#8 in PEM. A file that is
 * damaged is put aside as `….damaged` and its key is as good as lost.
 */
export class DiskKeyManager implements KeyManager {
  readonly signsHere = true;
  readonly #directory: string;
  readonly #seal: Seal | undefined;
  readonly #keys = new LoadedKeys((name) => this.#load(name));

  private constructor(directory: string, seal: Seal | undefined) {
    this.#directory = directory;
    this.#seal = seal;
  }

  /** Throws `DIRECTORY_UNWRITABLE` when the directory cannot be made, `KEY_UNREADABLE` for a wrong or missing passphrase. */
  static async open(directory: string, { passphrase }: DiskKeyManagerOptions = {}): Promise<DiskKeyManager> {
    await makePrivateDirectory(directory);
    for (const name of await readdir(directory))
      if (name.endsWith(`${SUFFIX}${STAGING}`)) await rm(join(directory, name), { force: true });
    const path = join(directory, SEAL_FILE);
    const place = {
      name: directory,
      read: () => readOptional(path),
      create: async (text: string) => {
        await writePrivateFile(path, text);
        return true;
      },
    };
    return new DiskKeyManager(directory, passphrase === undefined ? undefined : await Seal.open(place, passphrase));
  }

  async generate(name: string, type: KeyType): Promise<Buffer> {
    if ((await this.#keys.get(name)) !== undefined) throw new Fault('ALREADY_EXISTS', 'a key of this name exists');
    const key = await generateKey(type);
    await this.#write(name, key);
    this.#keys.put(name, key);
    return spkiOf(key);
  }

  find(name: string): Promise<Buffer | undefined> {
    return this.#keys.find(name);
  }

  sign(name: string, data: Uint8Array): Buffer | Promise<Buffer> {
    return this.#keys.sign(name, data);
  }

  async delete(name: string): Promise<void> {
    this.#keys.delete(name);
    await rm(this.#path(name), { force: true });
  }

  async #load(name: string): Promise<KeyObject | undefined> {
    const path = this.#path(name);
    const text = await readOptional(path);
    if (text === undefined) return undefined;
    if (isSealed(text) && this.#seal === undefined)
      throw new Fault('KEY_UNREADABLE', `${path} is sealed: it needs the passphrase`);
    const key = this.#read(name, text);
    if (key === undefined) await rename(path, `${path}.damaged`);
    else if (!isSealed(text) && this.#seal !== undefined) await this.#write(name, key);
    return key;
  }

  #read(name: string, text: string): KeyObject | undefined {
    const pkcs8 = isSealed(text) ? this.#seal?.open(name, text) : text;
    if (pkcs8 === undefined) return undefined;
    try {
      return createPrivateKey(typeof pkcs8 === 'string' ? pkcs8 : { key: pkcs8, format: 'der', type: 'pkcs8' });
    } catch {
      return undefined;
    }
  }

  async #write(name: string, key: KeyObject): Promise<void> {
    const seal = this.#seal;
    const content =
      seal === undefined
        ? key.export({ type: 'pkcs8', format: 'pem' })
        : seal.seal(name, key.export({ type: 'pkcs8', format: 'der' }));
    await writePrivateFile(this.#path(name), content);
  }

  #path(name: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name))
      throw new Fault('ARGUMENT_INVALID', 'a key name has characters of a-z 0-9 . _ -');
    return join(this.#directory, `${name}${SUFFIX}`);
  }
}
