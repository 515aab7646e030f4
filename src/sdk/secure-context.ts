import { createSecureContext, type SecureContext } from 'node:tls';
import type { X509Svid } from '#spiffe';
import { pemCertificates } from '#x509';

const contexts = new WeakMap<X509Svid, SecureContext>();

/** PEM of an SVID: what `node:tls` takes. */
export function pemOf({ privateKey, chain }: X509Svid): { readonly key: string | Buffer; readonly cert: string } {
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates(chain) };
}

/** For clients: made once for as long as the SVID is the same. */
export function clientContext(svid: X509Svid): SecureContext {
  const known = contexts.get(svid);
  if (known !== undefined) return known;
  const made = createSecureContext({ ...pemOf(svid), minVersion: 'TLSv1.2' });
  contexts.set(svid, made);
  return made;
}
