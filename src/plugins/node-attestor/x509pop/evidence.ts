import type { KeyObject } from 'node:crypto';
import { type Random, systemRandom } from '#kernel';
import { respond } from './proof.ts';

/** What an agent sends first: its node's certificate and those above it, DER, leaf first. */
export function x509popPayload(chain: readonly Uint8Array[]): Buffer {
  return Buffer.from(JSON.stringify({ certificates: chain.map((der) => Buffer.from(der).toString('base64')) }));
}

/** What it answers to the challenge, with the key of that certificate. */
export function respondToX509pop(key: KeyObject, challenge: Buffer, random: Random = systemRandom): Buffer {
  return respond(key, challenge, Buffer.from(random.bytes(32)));
}
