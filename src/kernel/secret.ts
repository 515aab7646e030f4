import { timingSafeEqual } from 'node:crypto';

/** A value that must not be printed. Logs, JSON, inspection and string conversion all show `[secret]`. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself: call it where it is used, never where it is stored or passed on. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** Compares two secrets in time that depends only on their lengths. */
export function equalSecrets(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const left = Buffer.from(a as Uint8Array);
  const right = Buffer.from(b as Uint8Array);
  return left.length === right.length && timingSafeEqual(left, right);
}
