import { parseCertificate } from '#x509';

/**
 * True when an authority of the list, by hexadecimal subject key id, signed a certificate of the chain: the chain still verifies, and is to be
 * replaced. Reading throws as `parseCertificate`.
 */
export function isTainted(chain: readonly Uint8Array[], taintedAuthorities: readonly string[] = []): boolean {
  if (taintedAuthorities.length === 0) return false;
  return chain.some((der) => {
    const issuer = parseCertificate(der).authorityKeyId?.toString('hex');
    return issuer !== undefined && taintedAuthorities.includes(issuer);
  });
}
