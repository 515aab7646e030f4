import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, Secret } from '#kernel';
import { type DatabaseTls, readDatabaseTls } from './database-tls.ts';

/** Where the server is and who the gate is there. */
export interface DatabaseAddress {
  readonly at:
    | { readonly kind: 'unix'; readonly directory: string; readonly port: number }
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: DatabaseTls | undefined };
  readonly user: string;
  readonly password: Secret | undefined;
  /** The database's name on the server. */
  readonly name: string;
}

export type DatabaseConfig = {
  /** Database that holds the data, as clients call it; made if missing. */
  readonly name: string;
  /** Path of SQL that is applied at each start. */
  readonly schema?: string;
} & (
  | { readonly socketDir: string; readonly port: number; readonly user: string; readonly passwordFile: string }
  /** A path other than `postgres` names the database on the server, whatever clients call it. */
  | { readonly connectionString: string }
);

/** The server's own: a person who names one of them means the server. */
const MAINTENANCE = new Set(['', 'postgres', 'template0', 'template1']);

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

function fromConnectionString(text: string, called: string): DatabaseAddress {
  const url = parseUrl(text);
  const port = Number(url.port || 5432);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const directory = url.searchParams.get('host') ?? decoded(url.hostname);
  const at: DatabaseAddress['at'] = directory.startsWith('/')
    ? { kind: 'unix', directory, port }
    : { kind: 'tcp', host, port, tls: readDatabaseTls(url.searchParams, host) };
  const given = decoded(url.password) || url.searchParams.get('password');
  const password = given === null || given === '' ? undefined : new Secret(given);
  const user = decoded(url.username) || url.searchParams.get('user') || 'postgres';
  const named = decoded(url.pathname.slice(1));
  return { at, user, password, name: MAINTENANCE.has(named) ? called : named };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol))
    throw new Fault('CONFIG_INVALID', 'the connection string of the database is no postgres:// URL');
  return url;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'the connection string of the database has a % that encodes nothing', { cause });
  }
}

export function socketPathOf(at: { readonly directory: string; readonly port: number }): string {
  return join(at.directory, `.s.PGSQL.${at.port}`);
}

/** For messages: where the server is, without user or password. */
export function placeOf({ at }: DatabaseAddress): string {
  return at.kind === 'unix' ? socketPathOf(at) : `${at.host}:${at.port}`;
}
