import type { Random } from '#kernel';
import { SERIAL_BYTES, serialNumber } from './profile.ts';

const DRAWN = 128;

/** Serial numbers of leaves, drawn many at a time: asking the system for randomness costs more than encoding a certificate. */
export class SerialNumbers {
  readonly #random: Random;
  #drawn: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Buffer {
    if (this.#offset === this.#drawn.length) {
      this.#drawn = this.#random.bytes(SERIAL_BYTES * DRAWN);
      this.#offset = 0;
    }
    const bytes = this.#drawn.subarray(this.#offset, this.#offset + SERIAL_BYTES);
    this.#offset += SERIAL_BYTES;
    return serialNumber({ bytes: () => bytes });
  }
}
