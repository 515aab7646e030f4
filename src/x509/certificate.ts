import type { KeyObject } from 'node:crypto';
import { Fault, isFault, LIMITS } from '#kernel';
import {
  assertDer,
  contextTag,
  DerReader,
  readBitBytes,
  readInteger,
  readOid,
  readSmallInteger,
  readTime,
  TAG,
} from './der-reader.ts';
import { type Extensions, NO_EXTENSIONS, readExtensions } from './extensions.ts';
import { readName } from './name.ts';
import { readPublicKey } from './public-key.ts';

/** A certificate that has been read strictly (RFC 5280 §4.1). Reading says nothing about trust: see `verifyPath`. */
export interface Certificate extends Omit<Extensions, 'basicConstraints'> {
  readonly der: Buffer;
  /** The signed part. */
  readonly tbs: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
  /** Lower-case hexadecimal magnitude. */
  readonly serial: string;
  /** Milliseconds since the epoch, both inclusive (RFC 5280 §4.1.2.5). */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
  readonly spki: Buffer;
  readonly publicKey: KeyObject;
  readonly isCa: boolean;
  readonly pathLen?: number;
}

/** Parses one DER certificate and nothing after it. Throws `DER_INVALID` or `CERTIFICATE_INVALID`. */
export function parseCertificate(input: Uint8Array): Certificate {
  if (input.length > LIMITS.certificateBytes.value) throw certificateFault('it is larger than 16 KiB');
  try {
    return readCertificate(Buffer.from(input));
  } catch (error) {
    if (isFault(error)) throw error;
    throw certificateFault('its public key cannot be used', error);
  }
}

/** Splits concatenated DER values, as the Workload API carries chains and bundles. */
export function splitCertificates(concatenated: Uint8Array): Buffer[] {
  const reader = new DerReader(concatenated);
  const parts: Buffer[] = [];
  while (!reader.done) parts.push(Buffer.from(reader.read(TAG.sequence).encoding));
  return parts;
}

function readCertificate(input: Buffer): Certificate {
  const outer = new DerReader(input);
  const body = outer.enter(TAG.sequence);
  outer.end();
  const tbs = body.read(TAG.sequence);
  const outerAlgorithm = body.read(TAG.sequence);
  const signature = readBitBytes(body.read(TAG.bitString));
  body.end();
  return {
    ...readSignedPart(new DerReader(tbs.content, 2), outerAlgorithm.encoding),
    der: input,
    tbs: tbs.encoding,
    signature,
  };
}

type SignedPart = Omit<Certificate, 'der' | 'tbs' | 'signature'>;

function readSignedPart(reader: DerReader, outerAlgorithm: Buffer): SignedPart {
  const version = reader.peek() === contextTag(0, true) ? readVersion(reader.enter(contextTag(0, true))) : 1;
  const serial = readSerial(readInteger(reader.read(TAG.integer)));
  const algorithm = reader.read(TAG.sequence);
  // RFC 5280 §4.1.1.2: both places name the same algorithm, parameters included.
  if (!algorithm.encoding.equals(outerAlgorithm)) throw certificateFault('its two signature algorithms differ');
  assertDer(algorithm, 3);
  const issuerDer = readName(reader);
  const validity = reader.enter(TAG.sequence);
  const notBefore = readTime(validity.next());
  const notAfter = readTime(validity.next());
  validity.end();
  const subjectDer = readName(reader);
  const spki = reader.read(TAG.sequence).encoding;
  reader.optional(contextTag(1, false));
  reader.optional(contextTag(2, false));
  const extensions = readExtensionsField(reader, version);
  reader.end();
  const { basicConstraints, ...rest } = extensions;
  return {
    signatureAlgorithm: readOid(new DerReader(algorithm.content, 3).read(TAG.oid)),
    serial,
    notBefore,
    notAfter,
    issuerDer,
    subjectDer,
    spki,
    publicKey: readPublicKey(spki),
    isCa: basicConstraints?.isCa ?? false,
    ...(basicConstraints?.pathLen === undefined ? {} : { pathLen: basicConstraints.pathLen }),
    ...rest,
  };
}

function readVersion(reader: DerReader): number {
  const version = readSmallInteger(reader.read(TAG.integer)) + 1;
  reader.end();
  if (version !== 2 && version !== 3) throw certificateFault('its version is neither 2 nor 3');
  return version;
}

function readSerial(content: Buffer): string {
  // RFC 5280 §4.1.2.2: at most 20 octets; longer ones are refused so that they cannot exhaust an index of revocations.
  if (content.length > 20) throw certificateFault('its serial number is longer than 20 bytes');
  if ((content[0] ?? 0) >= 0x80) throw certificateFault('its serial number is negative');
  return content.toString('hex').replace(/^0+(?=.)/, '');
}

function readExtensionsField(reader: DerReader, version: number): Extensions {
  if (reader.peek() !== contextTag(3, true)) return NO_EXTENSIONS;
  if (version !== 3) throw certificateFault('it has extensions but is not of version 3');
  const wrapper = reader.enter(contextTag(3, true));
  const list = wrapper.enter(TAG.sequence);
  wrapper.end();
  return readExtensions(list);
}

function certificateFault(rule: string, cause?: unknown): Fault {
  return new Fault(
    'CERTIFICATE_INVALID',
    `not an acceptable certificate: ${rule}`,
    cause === undefined ? {} : { cause },
  );
}
