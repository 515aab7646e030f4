import type { Random } from '#kernel';
import { encodeName, OID } from '#x509';

/** Certificates are valid from a little before they are made, for peers whose clocks are behind. */
export const BACKDATE_MILLIS = 10_000;

/** Subject of every leaf: the identity is the URI, never the subject (X509-SVID §2). */
export const LEAF_SUBJECT = encodeName([
  [OID.country, 'US'],
  [OID.organization, 'SPIRE'],
]);

/** Subject of a CA: unique by its serial number, so that issuer names never collide. */
export function authoritySubject(serial: Buffer, unit?: string): Buffer {
  return encodeName([
    [OID.country, 'US'],
    [OID.organization, 'SPIFFE'],
    ...(unit === undefined ? [] : [[OID.organizationalUnit, unit] as const]),
    [OID.serialNumber, BigInt(`0x${serial.toString('hex')}`).toString()],
  ]);
}

export const SERIAL_BYTES = 16;

/** 127 random bits: positive and never longer than 20 bytes (RFC 5280 §4.1.2.2). */
export function serialNumber(random: Random): Buffer {
  const serial = random.bytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01;
  return serial;
}
