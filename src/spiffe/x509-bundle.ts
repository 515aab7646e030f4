import { Fault, isFault } from '#kernel';
import { type Certificate, parseCertificate } from '#x509';
import { parseTrustDomain, type TrustDomain } from './trust-domain.ts';

/** The X.509 authorities of one trust domain. May be empty: then no X509-SVID of the trust domain is valid (X-21, B-4). */
export interface X509Bundle {
  /** Keeps bundles of one kind from being used as those of another. */
  readonly use: 'x509-svid';
  readonly trustDomain: TrustDomain;
  readonly authorities: readonly Certificate[];
}

/** Bundles by trust domain. Never merged: a peer is verified against the bundle of its own trust domain (F-2). */
export type X509BundleSet = ReadonlyMap<string, X509Bundle>;

/** Reads a bundle from base64 DER certificates. Throws `BUNDLE_INVALID` or `TRUST_DOMAIN_INVALID`. */
export function parseX509Bundle(source: {
  readonly trustDomain: string;
  readonly x509Authorities: readonly string[];
}): X509Bundle {
  const ders = source.x509Authorities.map((text) => Buffer.from(text, 'base64'));
  return x509Bundle(parseTrustDomain(source.trustDomain), ders);
}

/** Reads a bundle from DER certificates. Throws `BUNDLE_INVALID` when one of them is no CA certificate. */
export function x509Bundle(trustDomain: TrustDomain, ders: readonly Uint8Array[]): X509Bundle {
  return { use: 'x509-svid', trustDomain, authorities: ders.map(parseAuthority) };
}

/** Reads one CA certificate. Throws `BUNDLE_INVALID`. */
export function parseAuthority(der: Uint8Array): Certificate {
  const certificate = readAuthority(der);
  if (!certificate.isCa) throw new Fault('BUNDLE_INVALID', 'a bundle holds CA certificates only');
  return certificate;
}

function readAuthority(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw new Fault('BUNDLE_INVALID', 'a certificate of the bundle cannot be read', { cause });
  }
}
