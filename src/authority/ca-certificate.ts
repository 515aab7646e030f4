import type { Clock, Random } from '#kernel';
import { encodeCertificate, encodeSignedPart, type SignatureScheme } from '#x509';
import { authoritySubject, backdateMillis, serialNumber } from './profile.ts';

export interface CaCertificateRequest {
  /** The trust domain's own SPIFFE ID. */
  readonly uri: string;
  readonly spki: Buffer;
  readonly ttlSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Told apart from the authority's own CAs, when it is for somebody below. */
  readonly unit?: string;
}

export interface CaIssuer {
  /** DER name; absent: the CA signs itself. */
  readonly subject?: Buffer;
  readonly keyId: Buffer;
  /** Milliseconds since the epoch: what is issued ends no later, and begins no earlier. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly scheme: SignatureScheme;
  readonly sign: (data: Buffer) => Buffer | Promise<Buffer>;
}

/** The certificate of a CA (X509-SVID §3), DER. */
export async function makeCaCertificate(request: CaCertificateRequest, issuer: CaIssuer): Promise<Buffer> {
  const { uri, spki, ttlSeconds, clock, random, unit } = request;
  const { scheme } = issuer;
  const serial = serialNumber(random);
  const subject = authoritySubject(serial, unit);
  const now = clock.now();
  const signedPart = encodeSignedPart({
    kind: 'ca',
    serial,
    subject,
    issuer: issuer.subject ?? subject,
    notBefore: Math.max(now - backdateMillis(ttlSeconds), issuer.notBefore ?? 0),
    notAfter: Math.min(now + ttlSeconds * 1000, issuer.notAfter ?? Number.POSITIVE_INFINITY),
    spki,
    issuerKeyId: issuer.keyId,
    uri,
    scheme,
  });
  return encodeCertificate(signedPart, await issuer.sign(signedPart), scheme);
}
