import { join } from 'node:path';
import type { Lifecycle, Log } from '#kernel';
import type { CheckContext } from './check-context.ts';
import type { UpEnvironment } from './environment.ts';
import { keepPostgres } from './kept-postgres.ts';
import type { Plan } from './plan.ts';
import type { RunDirectory } from './run-directory.ts';

/** The database of an environment: what the gate is told, and how an attacker would go past it. */
export interface Database {
  readonly gate: object;
  readonly direct: CheckContext['postgres'];
  readonly serverLog?: string;
}

/** Starts the PostgreSQL server of the environment, or takes the one that `DATABASE_URL` names. Undefined where there is none. */
export async function startDatabase(parts: {
  readonly plan: Plan;
  readonly run: RunDirectory;
  readonly environment: UpEnvironment;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  readonly say: (line: string) => void;
}): Promise<Database | undefined> {
  const { plan, run, environment } = parts;
  const { postgres } = plan.spec;
  if (postgres === undefined) return undefined;
  const name = postgres.database;
  const schema = postgres.schema === undefined ? {} : { schema: join(plan.directory, postgres.schema) };
  if (environment.databaseUrl !== undefined) {
    const { databaseUrl: connectionString } = environment;
    return { gate: { connectionString, name, ...schema }, direct: strangersDoor(connectionString, name) };
  }
  const { log, say } = parts;
  const server = await keepPostgres({ dir: run.at('postgres'), log, say, environment: clockOf(environment) });
  parts.lifecycle.own(server);
  parts.say('postgres is ready');
  const { socketDir, port, superuser: user, passwordFile, logFile } = server;
  return {
    gate: { socketDir, port, user, passwordFile, name, ...schema },
    direct: { host: socketDir, port, tls: false, database: name, refusals: 'log' },
    serverLog: logFile,
  };
}

/** Where an attacker would dial a server that is not ours. Whom it refuses stands in its own log: the gate tries the door instead. */
function strangersDoor(connectionString: string, name: string): CheckContext['postgres'] {
  if (!URL.canParse(connectionString)) return undefined;
  const { hostname, port, pathname, searchParams } = new URL(connectionString);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  const named = decodeURIComponent(pathname.slice(1));
  const tls = !host.startsWith('/') && !['disable', null].includes(searchParams.get('sslmode'));
  const database = named === '' || named === 'postgres' ? name : named;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port || 5432), tls, database, refusals: 'gate' };
}

/** What moves the clock of a process in tests: the database's is moved with everybody else's. */
function clockOf({ inherited }: UpEnvironment): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(inherited).filter(([name]) => /^(LD_PRELOAD|FAKETIME\w*)$/.test(name)));
}
