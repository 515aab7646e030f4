import type { KeyManager } from './key-manager.ts';
import type { Slot } from './slot.ts';

/** Which keys of slots are in this server's key manager: of several servers that share a journal, each has its own. */
export class SigningKeys {
  readonly #keyManager: KeyManager;
  readonly #held = new Set<string>();

  constructor(keyManager: KeyManager) {
    this.#keyManager = keyManager;
  }

  has({ keyName }: Slot): boolean {
    return this.#held.has(keyName);
  }

  /** A key that was just made. */
  add({ keyName }: Slot): void {
    this.#held.add(keyName);
  }

  /** Looks for the keys that are to sign, now or next. */
  async lookFor(slots: readonly Slot[]): Promise<void> {
    for (const { state, keyName, spki } of slots) {
      if (state === 'old' || this.#held.has(keyName)) continue;
      const found = await this.#keyManager.find(keyName);
      if (found?.equals(spki) === true) this.#held.add(keyName);
    }
  }

  /** A key that cannot be deleted now signs nothing all the same. */
  async delete({ keyName }: Slot): Promise<void> {
    this.#held.delete(keyName);
    await this.#keyManager.delete(keyName).catch(() => undefined);
  }
}
