import type { TLSSocket } from 'node:tls';

/** DER certificates that the peer presented, leaf first. */
export function peerChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate: unknown = socket.getPeerCertificate(true);
  while (isDetailed(certificate) && !chain.some((known) => known.equals(Object(certificate).raw))) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function isDetailed(value: unknown): value is { readonly raw: Buffer; readonly issuerCertificate?: unknown } {
  return typeof value === 'object' && value !== null && 'raw' in value && Buffer.isBuffer(value.raw);
}
