import type { TLSSocket } from 'node:tls';
import { LIMITS } from '#kernel';

/** The certificates that a client presented, DER, leaf first. */
export function presentedChain(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length <= LIMITS.certificateChainLength.value) {
    const der = certificate.raw;
    if (chain.some((known) => known.equals(der))) break;
    chain.push(der);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
