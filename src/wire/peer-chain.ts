import type { TLSSocket } from 'node:tls';
import { LIMITS } from '#kernel';

/**
 * DER certificates that the peer presented, leaf first: all of them and in its order, so that path validation judges what came. None when it
 * presented none. `getPeerCertificate(true)` would hide strays, gaps and a swapped order, for it follows issuers, and loops at a self-signed one.
 * One more than the limit is kept, so that a chain that is too long is refused and not cut.
 */
export function peerChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length <= LIMITS.certificateChainLength.value) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
