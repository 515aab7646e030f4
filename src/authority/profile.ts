import type { Random } from '#kernel';
import { encodeName, OID } from '#x509';

const MIN_BACKDATE_MILLIS = 10_000;
const MAX_BACKDATE_MILLIS = 10 * 60_000;

/**
 * How long before it is made a credential is valid, milliseconds: a clock that is behind, or is set back by minutes, must not stop what was
 * issued. A sixth of its life, so that clients which count from the beginning to half-life do not find a short one due at once.
 */
export function backdateMillis(ttlSeconds: number): number {
  return Math.min(Math.max((ttlSeconds * 1000) / 6, MIN_BACKDATE_MILLIS), MAX_BACKDATE_MILLIS);
}

/** Pairs of type and text, in order. */
export type SubjectAttributes = readonly (readonly [oid: string, value: string])[];

const LEAF_NAME: SubjectAttributes = [
  [OID.country, 'US'],
  [OID.organization, 'SPIRE'],
];
const LEAF_SUBJECT = encodeName(LEAF_NAME);
/** RFC 5280 appendix A: `ub-common-name`. */
const MAX_COMMON_NAME = 64;

/**
 * Subject of a leaf: the identity is the URI, never the subject (X509-SVID §2). The first DNS name is the common name too, as SPIRE has
 * it, for databases and proxies that map nothing else; also where another subject was asked for.
 */
export function leafSubject([first]: readonly string[] = [], asked?: SubjectAttributes): Buffer {
  const hasCommonName = first !== undefined && first.length <= MAX_COMMON_NAME;
  if (!hasCommonName) return asked === undefined ? LEAF_SUBJECT : encodeName(asked);
  const others = (asked ?? LEAF_NAME).filter(([type]) => type !== OID.commonName);
  return encodeName([...others, [OID.commonName, first]]);
}

/** Subject of a CA: unique by its serial number, so that issuer names never collide. */
export function authoritySubject(serial: Buffer, unit?: string): Buffer {
  return encodeName([
    [OID.country, 'US'],
    [OID.organization, 'SPIFFE'],
    ...(unit === undefined ? [] : [[OID.organizationalUnit, unit] as const]),
    [OID.serialNumber, BigInt(`0x${serial.toString('hex')}`).toString()],
  ]);
}

const SERIAL_BYTES = 16;

/** 127 random bits: positive and never longer than 20 bytes (RFC 5280 §4.1.2.2). */
export function serialNumber(random: Random): Buffer {
  const serial = random.bytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01;
  return serial;
}
