import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { Fault } from '#kernel';

/** Where the database is and who we are there. */
export interface PostgresAddress {
  /** A host, or the directory of its Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly passwordFile: string;
  /** PEM of the authorities that the server's certificate is verified with; the system's when there is none. */
  readonly caFile?: string;
  /** `off` is for a network that nobody else is on. A Unix socket has no TLS. */
  readonly tls?: 'verify' | 'off';
}

const CONNECT_MILLIS = 5000;
const STATEMENT_MILLIS = 15_000;

/** What a connection is opened with. The server is verified whenever it is reached over a network. Throws `CONFIG_UNREADABLE`. */
export function clientConfig(address: PostgresAddress): ClientConfig {
  const { host, port, database, user } = address;
  return {
    host,
    port,
    database,
    user,
    password: read(address.passwordFile, 'password').trim(),
    ssl: host.startsWith('/') || address.tls === 'off' ? false : tlsOptions(address),
    application_name: 'hauberk',
    connectionTimeoutMillis: CONNECT_MILLIS,
    statement_timeout: STATEMENT_MILLIS,
    query_timeout: STATEMENT_MILLIS + CONNECT_MILLIS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

function tlsOptions({ host, caFile }: PostgresAddress): ConnectionOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(caFile === undefined ? {} : { ca: read(caFile, 'certificates') }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `the file of the database's ${what} cannot be read: ${file}`, { cause });
  }
}
