import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Log } from '#kernel';
import type { TlsIdentity } from '#rpc';

export interface CertificateFiles {
  /** PEM, leaf first. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * A certificate that others renew in place: read again when its files have changed. While a new one cannot be read or is no pair, as in
 * the moment in which it is being written, the one before stays; it is said once, not for each client.
 */
export function certificateFiles(
  { certificateFile, keyFile }: CertificateFiles,
  log: Log,
): () => TlsIdentity | undefined {
  let current: TlsIdentity | undefined;
  let seen: string | undefined;
  return () => {
    const now = `${stateOf(certificateFile)}, ${stateOf(keyFile)}`;
    if (now === seen) return current;
    seen = now;
    try {
      const read = { cert: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
      // What TLS would not take must not come as far as a listener, where it would end the process.
      createSecureContext(read);
      current = read;
    } catch (error) {
      log.error('the certificate of a public endpoint cannot be used', { certificateFile, error });
    }
    return current;
  };
}

function stateOf(file: string): string {
  try {
    const { ino, mtimeMs, ctimeMs } = statSync(file);
    return `${ino} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return 'not to be had';
  }
}
