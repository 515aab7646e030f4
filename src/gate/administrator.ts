import pg from 'pg';
import type { Closeable, Log } from '#kernel';
import type { DatabaseAddress } from './database-address.ts';
import { connectFault } from './database-faults.ts';
import { tlsOptions } from './database-tls.ts';

/** The gate's own connection, for roles and keys. Made anew when it was lost. Statements run one after another. */
export class Administrator implements Closeable {
  readonly #address: DatabaseAddress;
  readonly #log: Log;
  #client: Promise<pg.Client> | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(address: DatabaseAddress, log: Log) {
    this.#address = address;
    this.#log = log;
  }

  /** Runs statements; rows of the last. Throws `DATABASE_UNAVAILABLE` when the server cannot be reached, else the server's error. */
  query(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    const result = this.#queue.then(() => this.#run(sql, values));
    this.#queue = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await this.#queue;
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    await client?.end();
  }

  async #run(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    this.#client ??= connectAs(this.#address, this.#address.name, () => {
      this.#client = undefined;
    });
    let client: pg.Client;
    try {
      client = await this.#client;
    } catch (cause) {
      this.#client = undefined;
      this.#log.error('the database cannot be reached', { error: cause });
      throw cause;
    }
    const result = await client.query(sql, values === undefined ? undefined : [...values]);
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
  }
}

/** Signs in as the gate itself. Throws `DATABASE_UNAVAILABLE`, or `CONFIG_INVALID` for what does not heal by itself. */
export async function connectAs(address: DatabaseAddress, database: string, lost: () => void): Promise<pg.Client> {
  const { at, user } = address;
  const place =
    at.kind === 'unix'
      ? { host: at.directory }
      : { host: at.host, ssl: at.tls === undefined ? false : tlsOptions(at.tls, at.host) };
  const secret = address.password === undefined ? {} : { password: address.password.reveal() };
  const client = new pg.Client({ ...place, ...secret, port: at.port, user, database, connectionTimeoutMillis: 10_000 });
  client.on('error', lost);
  client.on('end', lost);
  try {
    await client.connect();
  } catch (cause) {
    throw connectFault(cause, { ...address, name: database });
  }
  return client;
}
