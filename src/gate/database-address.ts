import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, Secret } from '#kernel';

/** Where the server is and who the gate is there. */
export interface DatabaseAddress {
  readonly at:
    | { readonly kind: 'unix'; readonly directory: string; readonly port: number }
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean };
  readonly user: string;
  readonly password: Secret | undefined;
  readonly name: string;
}

export type DatabaseConfig = {
  /** Database that holds the data; made if missing. */
  readonly name: string;
  /** Path of SQL that is applied at each start. */
  readonly schema?: string;
} & (
  | { readonly socketDir: string; readonly port: number; readonly user: string; readonly passwordFile: string }
  | { readonly connectionString: string }
);

/** Throws `CONFIG_INVALID` or `CONFIG_UNREADABLE`. */
export function readDatabaseAddress(config: DatabaseConfig): DatabaseAddress {
  if ('connectionString' in config) return fromConnectionString(config.connectionString, config.name);
  const { socketDir, port, user, name } = config;
  return { at: { kind: 'unix', directory: socketDir, port }, user, password: readPassword(config.passwordFile), name };
}

function readPassword(file: string): Secret {
  try {
    return new Secret(readFileSync(file, 'utf8').trim());
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', "the file of the database's password cannot be read", { cause });
  }
}

function fromConnectionString(text: string, name: string): DatabaseAddress {
  if (!URL.canParse(text)) throw new Fault('CONFIG_INVALID', 'the connection string of the database is no URL');
  const url = new URL(text);
  const port = Number(url.port || 5432);
  const directory = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const secured = !['disable', 'allow', 'prefer', null].includes(url.searchParams.get('sslmode'));
  const at: DatabaseAddress['at'] = directory.startsWith('/')
    ? { kind: 'unix', directory, port }
    : { kind: 'tcp', host: url.hostname.replace(/^\[|\]$/g, ''), port, tls: secured };
  const given = decodeURIComponent(url.password) || url.searchParams.get('password');
  const password = given === null || given === '' ? undefined : new Secret(given);
  const user = decodeURIComponent(url.username) || url.searchParams.get('user') || 'postgres';
  return { at, user, password, name };
}

export function socketPathOf(at: { readonly directory: string; readonly port: number }): string {
  return join(at.directory, `.s.PGSQL.${at.port}`);
}
