import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from './account.ts';
import type { DataDirectory } from './data-directory.ts';

/** A port of this machine, by TLS and password only. */
export interface TlsListen {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** PEM: the server's certificate and its private key. */
  readonly cert: string;
  readonly key: string;
}

/** `hostssl` admits TLS alone: without it, the `reject` that follows is found. */
export const TLS_HBA = 'hostssl all all 127.0.0.1/32 scram-sha-256\n';

/** Writes certificate and key where the server's account reads them, and hands back the settings that name them. */
export function tlsSettings(
  { data }: DataDirectory,
  account: Account,
  { host, cert, key }: TlsListen,
): Readonly<Record<string, string>> {
  const files = { ssl_cert_file: join(data, 'server.crt'), ssl_key_file: join(data, 'server.key') };
  for (const [file, text] of [
    [files.ssl_cert_file, cert],
    [files.ssl_key_file, key],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 });
    if (account.lent) chownSync(file, account.uid, account.gid);
  }
  return { listen_addresses: host, ssl: 'on', ...files };
}
