import { X509Certificate } from 'node:crypto';
import type { X509Svid } from '#spiffe';
import { parseCertificate } from '#x509';

/** Key id of the authority that signed an SVID. */
export function authorityOf({ chain: [leaf = Buffer.alloc(0)] }: X509Svid): string {
  return parseCertificate(leaf).authorityKeyId?.toString('hex') ?? '';
}

export function serialOf({ chain: [leaf = Buffer.alloc(0)] }: X509Svid): string {
  return new X509Certificate(leaf).serialNumber;
}
