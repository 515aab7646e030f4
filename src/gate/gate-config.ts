import { Fault, readSettingsFile } from '#kernel';
import type { DatabaseConfig } from './database-address.ts';
import { type GateDocument, parseGateDocument } from './gate-document.ts';

/** The JSON file that `--config` names. */
export interface GateConfig {
  readonly service: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly agentSocket: string;
  readonly database: DatabaseConfig;
  readonly document: GateDocument;
  readonly serverLog?: string;
}

/** Throws `CONFIG_UNREADABLE` or `CONFIG_INVALID`. */
export function readGateConfig(path: string): GateConfig {
  const config = Object(readSettingsFile(path));
  const { serverLog } = config;
  const document = parseGateDocument(config.document);
  const database = parseDatabase(Object(config.database));
  if (database.name !== document.database) throw invalid('database.name', "the gate document's database");
  return {
    service: text(config.service, 'service'),
    listen: { host: text(config.listen?.host, 'listen.host'), port: port(config.listen?.port, 'listen.port') },
    agentSocket: text(config.agentSocket, 'agentSocket'),
    database,
    document,
    ...(serverLog === undefined ? {} : { serverLog: text(serverLog, 'serverLog') }),
  };
}

function parseDatabase(value: Readonly<Record<string, unknown>>): DatabaseConfig {
  const name = text(value.name, 'database.name');
  const schema = value.schema === undefined ? {} : { schema: text(value.schema, 'database.schema') };
  if (value.connectionString !== undefined) {
    return { name, ...schema, connectionString: text(value.connectionString, 'database.connectionString') };
  }
  return {
    name,
    ...schema,
    socketDir: text(value.socketDir, 'database.socketDir'),
    port: port(value.port, 'database.port'),
    user: text(value.user, 'database.user'),
    passwordFile: text(value.passwordFile, 'database.passwordFile'),
  };
}

function text(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(path, 'a text');
}

function port(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw invalid(path, 'a port');
}

function invalid(path: string, expected: string): Fault {
  return new Fault('CONFIG_INVALID', `${path}: expected ${expected}`, { details: { problems: [{ path, expected }] } });
}
