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
    return { gate: { connectionString: environment.databaseUrl, name, ...schema }, direct: undefined };
  }
  const { log, say } = parts;
  const server = await keepPostgres({ dir: run.at('postgres'), log, say, environment: clockOf(environment) });
  parts.lifecycle.own(server);
  parts.say('postgres is ready');
  const { socketDir, port, superuser: user, passwordFile, logFile } = server;
  return {
    gate: { socketDir, port, user, passwordFile, name, ...schema },
    direct: { host: socketDir, port, tls: false, database: name },
    serverLog: logFile,
  };
}

/** What moves the clock of a process in tests: the database's is moved with everybody else's. */
function clockOf({ inherited }: UpEnvironment): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(inherited).filter(([name]) => /^(LD_PRELOAD|FAKETIME\w*)$/.test(name)));
}
