import { type KeyObject, sign } from 'node:crypto';
import { DerReader, TAG } from '../../src/x509/der-reader.ts';
import { bits, sequence } from '../../src/x509/der-writer.ts';

/** The certificate with a changed signed part under a signature that is right again. */
export function resigned(certificate: Buffer, issuerKey: KeyObject, change: (signedPart: Buffer) => void): Buffer {
  const body = new DerReader(certificate).enter(TAG.sequence);
  const signedPart = Buffer.from(body.read(TAG.sequence).encoding);
  const algorithm = body.read(TAG.sequence).encoding;
  change(signedPart);
  return sequence(signedPart, algorithm, bits(sign('sha256', signedPart, { key: issuerKey, dsaEncoding: 'der' })));
}
