import { type KeyObject, verify } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import { signatureScheme } from './oids.ts';

/**
 * Which key's signature the certificate of an authority was found to carry: the same few stand above every leaf. Both are immutable, so what held
 * once holds for as long as they live; the certificate is known by the object that was read, never by its bytes. Leaves are not kept here: there are so
 * many that a map with weak keys costs more than it saves.
 */
const found = new WeakMap<Certificate, KeyObject>();

/** True when `issuer`'s key made the signature of `certificate`. Algorithms weaker than SHA-256 are never accepted. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (certificate.isCa && found.get(certificate) === issuer.publicKey) return true;
  const hash = hashFor(certificate, issuer);
  if (hash === undefined) return false;
  try {
    return remember(certificate, issuer, verify(hash, certificate.tbs, issuer.publicKey, certificate.signature));
  } catch {
    return false;
  }
}

/** As `isSignedBy`; the arithmetic is done off the main thread. */
export function checkSignature(certificate: Certificate, issuer: Certificate): Promise<boolean> {
  const hash = hashFor(certificate, issuer);
  if (hash === undefined) return Promise.resolve(false);
  if (certificate.isCa && found.get(certificate) === issuer.publicKey) return Promise.resolve(true);
  return new Promise((resolve) => {
    verify(hash, certificate.tbs, issuer.publicKey, certificate.signature, (error, valid) =>
      resolve(remember(certificate, issuer, error === null && valid)),
    );
  });
}

function hashFor(certificate: Certificate, issuer: Certificate): string | null | undefined {
  const scheme = signatureScheme(certificate.signatureAlgorithm);
  return scheme === undefined || issuer.publicKey.asymmetricKeyType !== scheme.key ? undefined : scheme.hash;
}

function remember(certificate: Certificate, issuer: Certificate, valid: boolean): boolean {
  if (valid && certificate.isCa) found.set(certificate, issuer.publicKey);
  return valid;
}
