import type { Clock, Log, Random } from '#kernel';
import type { LedgerStore } from '#ledger';
import type { Store } from '#registry';
import type { PostgresAddress } from './address.ts';
import { Database } from './database.ts';
import { Follower } from './follower.ts';
import { PostgresLedgerStore } from './ledger-store.ts';
import { PostgresStore } from './registry-store.ts';
import { migrate } from './schema.ts';

export type { PostgresAddress } from './address.ts';
export { postgresArchive } from './archive.ts';

export interface PostgresOptions {
  readonly address: PostgresAddress;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Opens registry and ledgers in one database and brings its schema up. Throws `STORE_UNAVAILABLE`, `STORE_SCHEMA_NEWER`,
 * `CONFIG_UNREADABLE`.
 */
export async function openPostgres(options: PostgresOptions): Promise<{ store: Store; ledgerStore: LedgerStore }> {
  const database = new Database(options.address);
  const records = new Database(options.address);
  try {
    await migrate(database);
    const follower = await Follower.open(options);
    return { store: new PostgresStore(database, follower), ledgerStore: new PostgresLedgerStore(records) };
  } catch (error) {
    await Promise.all([database.close(), records.close()]);
    throw error;
  }
}
