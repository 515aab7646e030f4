import { join } from 'node:path';
import type { Clock, Log, Random } from '#kernel';
import type { LedgerStore } from '#ledger';
import { makeDataDirectory } from '#plugins/key-manager/disk';
import { openPostgres, type PostgresAddress } from '#plugins/store/postgres';
import { SqliteLedgerStore, SqliteStore } from '#plugins/store/sqlite';
import type { Store } from '#registry';
import type { ServerConfig } from './config.ts';

export interface StoresOptions {
  readonly dataDir: string;
  readonly store?: ServerConfig['store'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Stores {
  readonly store: Store;
  readonly ledgerStore: LedgerStore;
}

/** Opens registry and ledgers where the configuration says. Throws `DIRECTORY_UNWRITABLE`, `STORE_SCHEMA_NEWER`, `STORE_UNAVAILABLE`. */
export async function openStores({ dataDir, store: chosen, clock, random, log }: StoresOptions): Promise<Stores> {
  makeDataDirectory(dataDir);
  if (chosen?.type === 'postgres') {
    return openPostgres({ address: postgresAddress(chosen), clock, random, log });
  }
  const store = await SqliteStore.open(join(dataDir, 'registry.db'));
  try {
    return { store, ledgerStore: await SqliteLedgerStore.open(join(dataDir, 'ledger.db')) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

type PostgresChosen = Extract<ServerConfig['store'], { readonly type: 'postgres' }>;

export function postgresAddress({ type: _, caFile, tls, ...named }: PostgresChosen): PostgresAddress {
  return { ...named, ...(caFile === undefined ? {} : { caFile }), ...(tls === undefined ? {} : { tls }) };
}
