import pg from 'pg';
import { type Closeable, Fault } from '#kernel';
import { clientConfig, type PostgresAddress } from './address.ts';

export type Row = Record<string, unknown>;
export type Value = string | number | null | readonly (string | number | null)[];

/** Runs statements on one connection. */
export interface Session {
  run(sql: string, ...values: readonly Value[]): Promise<{ readonly rows: readonly Row[]; readonly count: number }>;
}

/** A server has one writer at a time for each log, and reads little: few connections do. */
const MAX_CONNECTIONS = 4;

/** A pool of connections. A connection that was lost is replaced by the next that is asked for. */
export class Database implements Closeable {
  readonly #pool: pg.Pool;
  #closed: Promise<void> | undefined;

  constructor(address: PostgresAddress) {
    this.#pool = new pg.Pool({ ...clientConfig(address), max: MAX_CONNECTIONS, allowExitOnIdle: true });
    // Without a listener a lost idle connection would end the process.
    this.#pool.on('error', () => undefined);
  }

  /** Throws `STORE_UNAVAILABLE`, `ALREADY_EXISTS`. */
  run(sql: string, ...values: readonly Value[]): Promise<readonly Row[]> {
    return guarded(async () => (await this.#pool.query(sql, [...values])).rows);
  }

  /**
   * Runs in one transaction; a throw rolls back, and so does a result that `keeps` refuses. Throws `STORE_UNAVAILABLE`, also when it is not
   * known whether the commit was made: the database tells that by what it holds then.
   */
  transaction<T>(
    work: (session: Session) => Promise<T>,
    { isolation = 'READ COMMITTED', keeps = () => true }: TransactionOptions<T> = {},
  ): Promise<T> {
    return guarded(async () => {
      const client = await this.#pool.connect();
      let broken = true;
      try {
        await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
        const result = await work(sessionOf(client)).catch(async (error: unknown) => {
          await client.query('ROLLBACK');
          broken = false;
          throw error;
        });
        await client.query(keeps(result) ? 'COMMIT' : 'ROLLBACK');
        broken = false;
        return result;
      } finally {
        client.release(broken);
      }
    });
  }

  /** A transaction that the caller ends, whatever has become of it. It only reads. */
  async begin(isolation: 'REPEATABLE READ READ ONLY'): Promise<Session & { end(): Promise<void> }> {
    return guarded(async () => {
      const client = await this.#pool.connect();
      await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
      const end = async (): Promise<void> => {
        await client.query('ROLLBACK').then(
          () => client.release(),
          () => client.release(true),
        );
      };
      return { ...sessionOf(client), end };
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }
}

interface TransactionOptions<T> {
  readonly isolation?: 'READ COMMITTED' | 'REPEATABLE READ READ ONLY';
  readonly keeps?: (result: T) => boolean;
}

function sessionOf(client: pg.PoolClient): Session {
  return {
    run: async (sql, ...values) => {
      const { rows, rowCount } = await client.query<Row>(sql, [...values]);
      return { rows, count: rowCount ?? 0 };
    },
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof Fault ? cause : databaseFault(cause);
  }
}

/** SQLSTATE classes (PostgreSQL appendix A). */
export function databaseFault(cause: unknown): Fault {
  const { code, message } = Object(cause) as { code?: unknown; message?: unknown };
  switch (code) {
    case '23505':
      return new Fault('ALREADY_EXISTS', 'the row exists already', { cause });
    case '28P01':
    case '28000':
      return new Fault('STORE_UNAVAILABLE', 'the database does not admit this server: see its user and password', {
        cause,
      });
    case '53100':
      return new Fault('STORE_UNAVAILABLE', 'the disk of the database is full', { cause });
    case '42501':
      return new Fault('STORE_UNAVAILABLE', 'the user of the database lacks a right that it needs', { cause });
    default:
      return new Fault('STORE_UNAVAILABLE', 'the database does not answer', { cause: cause ?? message });
  }
}

/** PostgreSQL hands out 64-bit numbers as text. */
export function numberOf(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  if (Number.isSafeInteger(number)) return Number(number);
  throw new Fault('INTERNAL_ERROR', 'the database holds another type than was written');
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Fault('INTERNAL_ERROR', 'the database holds another type than was written');
}
