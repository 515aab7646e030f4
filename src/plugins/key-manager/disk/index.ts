import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuthorityJournal, type JournalRecord, type KeyManager, type KeyType, parseJournal } from '#authority';
import { Fault } from '#kernel';
import { generateKey, signWith } from '../local-key.ts';

/** Keys as PKCS#8 files of mode 0600 in a directory of mode 0700, written atomically. Plain: sealing is not built yet. */
export class DiskKeyManager implements KeyManager {
  readonly #directory: string;
  readonly #keys = new Map<string, KeyObject>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Throws `DIRECTORY_UNWRITABLE` when the directory cannot be made. */
  static async open(directory: string): Promise<DiskKeyManager> {
    await makePrivateDirectory(directory);
    return new DiskKeyManager(directory);
  }

  async generate(name: string, type: KeyType): Promise<Buffer> {
    if ((await this.#load(name)) !== undefined) throw new Fault('ALREADY_EXISTS', 'a key of this name exists');
    const privateKey = await generateKey(type);
    await writePrivateFile(this.#path(name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    this.#keys.set(name, privateKey);
    return publicSpki(privateKey);
  }

  async find(name: string): Promise<Buffer | undefined> {
    const key = await this.#load(name);
    return key === undefined ? undefined : publicSpki(key);
  }

  sign(name: string, data: Uint8Array): Buffer | Promise<Buffer> {
    const known = this.#keys.get(name);
    return known === undefined ? this.#signWithLoaded(name, data) : signWith(known, data);
  }

  async delete(name: string): Promise<void> {
    this.#keys.delete(name);
    await rm(this.#path(name), { force: true });
  }

  async #signWithLoaded(name: string, data: Uint8Array): Promise<Buffer> {
    const key = await this.#load(name);
    if (key === undefined) throw new Fault('NOT_FOUND', 'no key of this name');
    return signWith(key, data);
  }

  async #load(name: string): Promise<KeyObject | undefined> {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const text = await readOptional(this.#path(name));
    if (text === undefined) return undefined;
    const key = createPrivateKey(text);
    this.#keys.set(name, key);
    return key;
  }

  #path(name: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name))
      throw new Fault('ARGUMENT_INVALID', 'a key name has characters of a-z 0-9 . _ -');
    return join(this.#directory, `${name}.key`);
  }
}

/** Per file: who saves in this process waits for who saves already. One process at a time has a data directory. */
const saving = new Map<string, Promise<void>>();

/** The journal of an authority as one JSON file, replaced atomically. */
export function diskJournal(file: string): AuthorityJournal {
  const load = async (): Promise<JournalRecord | undefined> => {
    const text = await readOptional(file);
    return text === undefined ? undefined : parseJournal(text);
  };
  return {
    load,
    save: (record, expected) => {
      const saved = (saving.get(file) ?? Promise.resolve()).then(async () => {
        if (((await load())?.version ?? 0) !== expected)
          throw new Fault('JOURNAL_CONFLICT', 'the journal of the authority has been changed meanwhile');
        await writePrivateFile(file, JSON.stringify(record));
      });
      saving.set(
        file,
        saved.catch(() => undefined),
      );
      return saved;
    },
  };
}

async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  } catch (cause) {
    throw new Fault('DIRECTORY_UNWRITABLE', `${directory} cannot be written`, { cause });
  }
}

/** Writes beside, syncs, renames: a crash leaves the old file or the new one, never half of one. */
async function writePrivateFile(path: string, content: string | Buffer): Promise<void> {
  const staging = `${path}.new`;
  const file = await open(staging, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(staging, path);
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
}

function publicSpki(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}
