import { randomBytes } from 'node:crypto';

/** Source of unpredictable bytes; a port so that tests can be repeated. */
export interface Random {
  bytes(length: number): Buffer;
}

export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

/** Lower-case hexadecimal id of `length` random bytes. */
export function randomHex(random: Random, length: number): string {
  return random.bytes(length).toString('hex');
}

/** Unpadded base64url id of `length` random bytes (RFC 4648 §5). */
export function randomBase64url(random: Random, length: number): string {
  return random.bytes(length).toString('base64url');
}

/** A uniform number in [0, 1). */
export function randomFraction(random: Random): number {
  return random.bytes(4).readUInt32BE(0) / 0x1_0000_0000;
}
