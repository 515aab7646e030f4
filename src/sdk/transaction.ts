import { Fault } from '#kernel';
import type { Database, DatabaseConnection } from './database.ts';
import { databaseFault } from './database-fault.ts';

/** What a transaction may do. */
export type Transaction = Pick<DatabaseConnection, 'query'>;

/**
 * Runs `work` in one transaction whose rows are the user's: the Txn-Token reaches the gate as a statement that it intercepts, and row-level security
 * reads what the gate signed for this transaction alone. Commits when `work` resolves, rolls back when it rejects or the signal is aborted. Throws
 * `TOKEN_MISSING`, `DATABASE_…`, the signal's reason, or what `work` threw.
 */
export async function runTransaction<T>(
  database: Database,
  carried: { readonly token: string | undefined; readonly traceparent: string },
  work: (tx: Transaction) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { token, traceparent } = carried;
  if (token === undefined)
    throw new Fault('TOKEN_MISSING', 'the request carries no user, so there are no rows of a user');
  const connection = await database.connect();
  try {
    await connection.query('BEGIN');
    // Both were verified or made here: neither can hold a quote.
    await connection.query(`SET hauberk.traceparent = '${traceparent}'`);
    await connection.query(`SET hauberk.txn_token = '${token}'`);
    const result = await work({
      query: async (text, values) => {
        signal?.throwIfAborted();
        return connection.query(text, values);
      },
    });
    signal?.throwIfAborted();
    await connection.query('COMMIT');
    return result;
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    throw isDatabaseError(error) ? databaseFault(error) : error;
  } finally {
    connection.release();
  }
}

/** PostgreSQL's errors have a SQLSTATE of five characters and a severity. */
function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && 'code' in error;
}
