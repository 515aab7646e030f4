import type { KeyManager } from './key-manager.ts';
import { KEY_USE } from './key-type.ts';
import type { Slot } from './slot.ts';

/** Of the signatures of a key that is trusted to sign as it did, one in so many is verified. */
const SAMPLED = 64;
const KEYS_KEPT = 16;

interface Record {
  /** What is published of the key may be read anew with a new bundle: its first signature then is proof again. */
  readonly bundle: object;
  /** So many must hold, one after another, before they are sampled. */
  owed: number;
  made: number;
}

/**
 * Which signatures of an authority are verified before they leave. Another machine's all are, and RSA's: one faulty signature gives the key away.
 * An EC key that signs in this process proves itself by its first signature under each published bundle; after that the arithmetic is tried on one
 * in 64, and on 64 in a row once one has failed. What was signed, and that it is what was asked for, is validated each time, whatever is said here.
 */
export class SignatureChecks {
  readonly #signsHere: boolean;
  readonly #records = new Map<string, Record>();

  constructor({ signsHere }: Pick<KeyManager, 'signsHere'>) {
    this.#signsHere = signsHere;
  }

  /** Asked once for each signature. `bundle`: the published one, the same object until its content changes. */
  isDue({ keyName, keyType }: Pick<Slot, 'keyName' | 'keyType'>, bundle: object): boolean {
    if (!this.#signsHere || KEY_USE[keyType].scalarBytes === undefined) return true;
    const record = this.#record(keyName, bundle);
    return record.owed > 0 || record.made++ % SAMPLED === 0;
  }

  held({ keyName }: Pick<Slot, 'keyName'>): void {
    const record = this.#records.get(keyName);
    if (record !== undefined && record.owed > 0) record.owed--;
  }

  failed({ keyName }: Pick<Slot, 'keyName'>): void {
    const record = this.#records.get(keyName);
    if (record !== undefined) record.owed = SAMPLED;
  }

  #record(keyName: string, bundle: object): Record {
    const known = this.#records.get(keyName);
    if (known?.bundle === bundle) return known;
    const record = { bundle, owed: Math.max(1, known?.owed ?? 0), made: 1 };
    this.#records.delete(keyName);
    this.#records.set(keyName, record);
    this.#forgetOldest();
    return record;
  }

  /** One key of a kind is active at a time; those before it do not come back, or prove themselves again. */
  #forgetOldest(): void {
    const [oldest] = this.#records.keys();
    if (oldest !== undefined && this.#records.size > KEYS_KEPT) this.#records.delete(oldest);
  }
}
