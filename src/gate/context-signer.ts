import { createHmac } from 'node:crypto';
import { type Random, randomHex } from '#kernel';

export interface SignedClaims {
  readonly txn: string;
  readonly user: string;
  readonly tenant: string;
  readonly role: string;
  readonly pid: number;
  readonly xid: string;
  /** Seconds since the epoch, by the database's clock. */
  readonly exp: number;
}

/** Signs contexts with a key that is made in this process and known to it and to the owner of `hauberk.context()` alone. */
export class ContextSigner {
  readonly kid: string;
  readonly #key: Buffer;

  constructor(random: Random) {
    this.kid = randomHex(random, 8);
    this.#key = random.bytes(64);
  }

  /** The two padded keys of RFC 2104, for the verifying function. */
  pads(): { readonly ipad: Buffer; readonly opad: Buffer } {
    return { ipad: Buffer.from(this.#key.map((b) => b ^ 0x36)), opad: Buffer.from(this.#key.map((b) => b ^ 0x5c)) };
  }

  sign(claims: SignedClaims): string {
    const text = `v1.${this.kid}.${Buffer.from(JSON.stringify(claims)).toString('base64')}`;
    return `${text}.${createHmac('sha256', this.#key).update(text).digest('hex')}`;
  }
}
