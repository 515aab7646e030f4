import type { TLSSocket } from 'node:tls';
import type { Client } from 'pg';
import { type Clock, Fault } from '#kernel';
import { databaseFault } from './database-fault.ts';

export interface QueryResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly rowCount: number | null;
}

/** One connection through the gate, with this workload's identity and role. */
export interface DatabaseConnection {
  /** Rejects with PostgreSQL's own error, whose message starts with the gate's code where the gate refused. */
  query(text: string, values?: readonly unknown[]): Promise<QueryResult>;
  /** Gives the connection back; a broken one is thrown away. */
  release(): void;
}

export interface Database {
  connect(): Promise<DatabaseConnection>;
  end(): Promise<void>;
}

export interface DatabaseOptions {
  readonly database: string;
  /** The gate's service, `gate.platform` unless said otherwise. */
  readonly service?: string;
  /** Connections at once. Default 10. */
  readonly max?: number;
}

/**
 * A pool of connections to the gate. Each is mTLS whose peer is the gate that the registry expects, verified before PostgreSQL's protocol begins;
 * the role is the workload's, whatever is asked for. Needs the package `pg` in the service (an optional peer of the SDK).
 */
export function createDatabase(options: DatabaseOptions, dial: () => Promise<TLSSocket>, clock: Clock): Database {
  const pool = new Pool(options.max ?? 10, () => open(options.database, dial), clock);
  return { connect: () => pool.take(), end: () => pool.end() };
}

async function open(database: string, dial: () => Promise<TLSSocket>): Promise<Client> {
  const [{ default: pg }, socket] = await Promise.all([loadPg(), dial()]);
  // TLS stands already (PostgreSQL 17's direct TLS), so the library is handed a stream that is connected.
  Reflect.set(socket, 'connect', () => {
    queueMicrotask(() => socket.emit('connect'));
    return socket;
  });
  const client = new pg.Client({ stream: () => socket, database, user: 'workload', ssl: false });
  // The gate ends sessions when credentials expire; a connection that is idle then must not end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (cause) {
    socket.destroy();
    throw databaseFault(cause);
  }
}

async function loadPg(): Promise<typeof import('pg')> {
  try {
    return await import('pg');
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'a service that uses a database depends on the package pg', { cause });
  }
}

interface Waiter {
  readonly resolve: (connection: DatabaseConnection) => void;
  readonly reject: (error: unknown) => void;
}

/** The gate ends a session when its credential of 15 minutes does, of which at least half is left at first: none is lent that could be cut soon. */
const LENT_FOR_MILLIS = 6 * 60_000;

interface Opened {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Of the last ReadyForQuery: `I` outside a transaction. */
  status: unknown;
}

class Pool {
  readonly #max: number;
  readonly #open: () => Promise<Client>;
  readonly #idle: Client[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #broken = new WeakSet<Client>();
  readonly #opened = new WeakMap<Client, Opened>();
  readonly #clock: Clock;
  #size = 0;
  #ended = false;

  constructor(max: number, open: () => Promise<Client>, clock: Clock) {
    this.#max = max;
    this.#open = open;
    this.#clock = clock;
  }

  async take(): Promise<DatabaseConnection> {
    if (this.#ended) throw new Fault('DATABASE_UNAVAILABLE', 'the database has been closed');
    for (let client = this.#idle.pop(); client !== undefined; client = this.#idle.pop()) {
      if (this.#broken.has(client)) continue;
      if (this.#isFresh(client)) return this.#lend(client);
      // Its end makes room.
      void client.end().catch(() => undefined);
    }
    if (this.#size >= this.#max) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#size++;
    try {
      return this.#lend(await this.#openWatched());
    } catch (error) {
      this.#size--;
      this.#serveNext();
      throw error;
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    for (const { reject } of this.#waiting.splice(0))
      reject(new Fault('DATABASE_UNAVAILABLE', 'the database has been closed'));
    await Promise.all(this.#idle.splice(0).map((client) => client.end().catch(() => undefined)));
  }

  async #openWatched(): Promise<Client> {
    const client = await this.#open();
    const opened: Opened = { at: this.#clock.monotonic(), status: 'I' };
    this.#opened.set(client, opened);
    Object(client).connection?.on?.('readyForQuery', ({ status }: { status?: unknown }) => {
      opened.status = status;
    });
    client.once('end', () => {
      this.#broken.add(client);
      this.#size--;
      const at = this.#idle.indexOf(client);
      if (at >= 0) this.#idle.splice(at, 1);
      this.#serveNext();
    });
    return client;
  }

  #lend(client: Client): DatabaseConnection {
    let lent = true;
    return {
      query: async (text, values) => client.query(text, values === undefined ? undefined : [...values]),
      release: () => {
        if (!lent) return;
        lent = false;
        this.#giveBack(client);
      },
    };
  }

  #giveBack(client: Client): void {
    if (this.#broken.has(client)) return;
    // A transaction that was left open would be the next borrower's, with the user of this one.
    if (this.#ended || !this.#isFresh(client) || this.#opened.get(client)?.status !== 'I') {
      void client.end().catch(() => undefined);
      return;
    }
    this.#idle.push(client);
    this.#serveNext();
  }

  #isFresh(client: Client): boolean {
    const opened = this.#opened.get(client);
    return opened !== undefined && this.#clock.monotonic() - opened.at < LENT_FOR_MILLIS;
  }

  #serveNext(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) this.take().then(next.resolve, next.reject);
  }
}
