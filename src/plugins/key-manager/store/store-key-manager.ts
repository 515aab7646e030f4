import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { KeyManager, KeyType } from '#authority';
import { Fault, type Secret } from '#kernel';
import { keyLog, type Store } from '#registry';
import type { TrustDomain } from '#spiffe';
import { LoadedKeys } from '../loaded-keys.ts';
import { generateKey, spkiOf } from '../local-key.ts';
import { Seal } from '../seal.ts';

const SEAL_KEY = 'seal';
const MAX_CONFLICTS = 16;

interface Kept {
  readonly revision: number;
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * Keys in the servers' own store, each sealed under a passphrase that the store never sees: the servers of one store share them. What was deleted stays
 * sealed in the store's log until that is compacted.
 */
export class StoreKeyManager implements KeyManager {
  readonly signsHere = true;
  readonly #log: Log;
  readonly #seal: Seal;
  readonly #keys = new LoadedKeys((name) => this.#load(name));

  private constructor(log: Log, seal: Seal) {
    this.#log = log;
    this.#seal = seal;
  }

  /** Throws `KEY_UNREADABLE` for another passphrase than that of the first use. */
  static async open(store: Store, trustDomain: TrustDomain, passphrase: Secret): Promise<StoreKeyManager> {
    const log = new Log(store, keyLog(trustDomain));
    const place = {
      name: `the store of ${trustDomain}`,
      read: async () => (await log.read()).texts.get(SEAL_KEY),
      create: (text: string) => log.change(({ texts }) => (texts.has(SEAL_KEY) ? undefined : { key: SEAL_KEY, text })),
    };
    return new StoreKeyManager(log, await Seal.open(place, passphrase));
  }

  async generate(name: string, type: KeyType): Promise<Buffer> {
    const key = await generateKey(type);
    const text = this.#seal.seal(name, key.export({ type: 'pkcs8', format: 'der' }));
    const created = await this.#log.change(({ texts }) => (texts.has(name) ? undefined : { key: name, text }));
    if (!created || name === SEAL_KEY) throw new Fault('ALREADY_EXISTS', 'a key of this name exists');
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
    await this.#log.change(({ texts }) => (texts.has(name) ? { key: name, text: undefined } : undefined));
  }

  async #load(name: string): Promise<KeyObject | undefined> {
    const text = (await this.#log.read()).texts.get(name);
    const pkcs8 = text === undefined ? undefined : this.#seal.open(name, text);
    return pkcs8 === undefined ? undefined : createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  }
}

/** The sealed texts of one trust domain, by name. */
class Log {
  readonly #store: Store;
  readonly #name: string;

  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  async read(): Promise<Kept> {
    const since = await this.#store.since(this.#name, 0);
    const found = since.kind === 'changes' ? since.changes : since.resources;
    const texts = new Map<string, string>();
    for (const { key, body } of found) {
      if (typeof body === 'string') texts.set(key, body);
      else texts.delete(key);
    }
    const revision = since.kind === 'changes' ? (since.changes.at(-1)?.revision ?? 0) : since.revision;
    return { revision, texts };
  }

  /** Makes the change that `judge` wants on the newest state; false when it wants none. */
  async change(
    judge: (kept: Kept) => { readonly key: string; readonly text: string | undefined } | undefined,
  ): Promise<boolean> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const kept = await this.read();
      const wanted = judge(kept);
      if (wanted === undefined) return false;
      const changes = [{ kind: 'Journal', key: wanted.key, body: wanted.text ?? null } as const];
      if (await this.#store.commit({ logs: [{ log: this.#name, expected: kept.revision, changes }] })) return true;
    }
    throw new Fault('JOURNAL_CONFLICT', 'the keys in the store are changed by too many at once');
  }
}
