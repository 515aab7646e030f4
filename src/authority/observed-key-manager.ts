import { type Fault, toFault } from '#kernel';
import type { KeyManager } from './key-manager.ts';
import type { KeyType } from './key-type.ts';

/** A key manager that remembers whether it signed when it was last asked to. */
export class ObservedKeyManager implements KeyManager {
  readonly #keys: KeyManager;
  #fault: Fault | undefined;

  constructor(keys: KeyManager) {
    this.#keys = keys;
  }

  get signsHere(): boolean {
    return this.#keys.signsHere;
  }

  /** Why it did not sign the last time; undefined when it did, or was not asked yet. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** At once where the key manager signs at once. */
  sign(name: string, data: Uint8Array, signal?: AbortSignal): Buffer | Promise<Buffer> {
    try {
      const signed = this.#keys.sign(name, data, signal);
      if (Buffer.isBuffer(signed)) return this.#did(signed);
      return signed.then(
        (signature) => this.#did(signature),
        (error) => this.#failed(error),
      );
    } catch (error) {
      return this.#failed(error);
    }
  }

  generate(name: string, type: KeyType, signal?: AbortSignal): Promise<Buffer> {
    return this.#keys.generate(name, type, signal);
  }

  find(name: string, signal?: AbortSignal): Promise<Buffer | undefined> {
    return this.#keys.find(name, signal);
  }

  delete(name: string, signal?: AbortSignal): Promise<void> {
    return this.#keys.delete(name, signal);
  }

  #did(signature: Buffer): Buffer {
    this.#fault = undefined;
    return signature;
  }

  #failed(error: unknown): never {
    this.#fault = toFault(error);
    throw error;
  }
}
