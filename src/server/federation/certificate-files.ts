import { readFileSync, statSync } from 'node:fs';
import type { Log } from '#kernel';
import type { TlsIdentity } from '#rpc';

export interface CertificateFiles {
  /** PEM, leaf first. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * A certificate that others renew in place: read again when its file has changed. While a new one cannot be read, or the pair is being
 * written, the one before stays.
 */
export function certificateFiles(
  { certificateFile, keyFile }: CertificateFiles,
  log: Log,
): () => TlsIdentity | undefined {
  let current: TlsIdentity | undefined;
  let seen = '';
  return () => {
    try {
      const now = [certificateFile, keyFile].map((file) => `${statSync(file).mtimeMs} ${statSync(file).ino}`).join();
      if (now !== seen) {
        current = { cert: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
        seen = now;
      }
    } catch (error) {
      log.error('the certificate of a public endpoint cannot be read', { certificateFile, error });
    }
    return current;
  };
}
