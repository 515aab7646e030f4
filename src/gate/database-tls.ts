import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Fault } from '#kernel';

/** How the server must prove itself. */
export interface DatabaseTls {
  /** PEM certificates; undefined: the authorities that Node trusts. */
  readonly ca: string | undefined;
  /** `full`: the certificate names the host; `ca`: any certificate of the authorities. */
  readonly verify: 'full' | 'ca';
}

/** libpq's names. A mode that would go on without TLS, or without proof, is read as the strictest one. */
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * Reads `sslmode` and `sslrootcert`. Without TLS only where it is said (`disable`) or, unsaid, to this machine itself; with it the
 * server is always verified. Throws `CONFIG_INVALID`, `CONFIG_UNREADABLE`.
 */
export function readDatabaseTls(parameters: URLSearchParams, host: string): DatabaseTls | undefined {
  const mode = parameters.get('sslmode');
  const file = parameters.get('sslrootcert');
  if (mode !== null && !MODES.includes(mode))
    throw new Fault('CONFIG_INVALID', `sslmode of the database is one of ${MODES.join(', ')}`);
  if (mode === 'disable') return undefined;
  const optional = mode === null || mode === 'allow' || mode === 'prefer';
  if (optional && file === null && isThisMachine(host)) return undefined;
  return { ca: file === null || file === 'system' ? undefined : readAuthorities(file), verify: verifyOf(mode) };
}

function verifyOf(mode: string | null): DatabaseTls['verify'] {
  return mode === 'verify-ca' ? 'ca' : 'full';
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', 'the file that sslrootcert names cannot be read', { cause });
  }
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

export function tlsOptions({ ca, verify }: DatabaseTls, host: string): ConnectionOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
  };
}
