import pg from 'pg';
import { type Clock, type Closeable, Fault, type Log, type Random, randomHex, type Scheduled } from '#kernel';
import { clientConfig, type PostgresAddress } from './address.ts';
import { databaseFault, numberOf, type Session } from './database.ts';

const CHANNEL = 'hauberk';
const RETRY_MILLIS = [200, 500, 1000, 2000, 5000];

export interface FollowerOptions {
  readonly address: PostgresAddress;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type Changed = (log: string | undefined, revision?: number) => void;

/**
 * Hears of other servers' commits: one connection that listens. Each commit announces its log and revision in its own transaction, so
 * that nothing is heard before it stands. A connection that was lost is made anew, and what was missed meanwhile is asked for.
 */
export class Follower implements Closeable {
  readonly #options: FollowerOptions;
  readonly #self: string;
  readonly #watchers = new Set<Changed>();
  readonly #heardLast = new Map<string, number>();
  #client: pg.Client | undefined;
  #retry: Scheduled | undefined;
  #failures = 0;
  #closed = false;

  private constructor(options: FollowerOptions) {
    this.#options = options;
    this.#self = randomHex(options.random, 8);
  }

  /** Listens when it returns. Throws `STORE_UNAVAILABLE`. */
  static async open(options: FollowerOptions): Promise<Follower> {
    const follower = new Follower(options);
    await follower.#connect();
    return follower;
  }

  /** What was heard before is told at once: it may have been committed after the watcher read what there is. */
  watch(changed: Changed): () => void {
    this.#watchers.add(changed);
    for (const [log, revision] of this.#heardLast) changed(log, revision);
    return () => this.#watchers.delete(changed);
  }

  listens(): boolean {
    return this.#client !== undefined;
  }

  /** Tells the others, when the session's transaction commits. */
  async announce(session: Session, log: string, revision: number): Promise<void> {
    await session.run('SELECT pg_notify($1, $2)', CHANNEL, `${this.#self} ${revision} ${log}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #connect(): Promise<void> {
    const { query_timeout: _, ...config } = clientConfig(this.#options.address);
    const client = new pg.Client(config);
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ payload }) => this.#heard(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#client = client;
      const { rows } = await client.query('SELECT log, value FROM hauberk.revision');
      for (const { log, value } of rows) this.#tell(String(log), numberOf(value));
      this.#failures = 0;
    } catch (cause) {
      this.#client = undefined;
      await client.end().catch(() => undefined);
      throw cause instanceof Fault ? cause : databaseFault(cause);
    }
    // A server that is closed while it connects keeps nothing.
    if (this.#closed) await this.close();
  }

  /** Asks for everything once it listens again: nobody knows what was missed. */
  #lost(client: pg.Client): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    this.#options.log.warn('the database is away; what it holds is not followed');
    this.#again();
  }

  #again(): void {
    const { clock, log } = this.#options;
    const wait = RETRY_MILLIS[Math.min(this.#failures++, RETRY_MILLIS.length - 1)] ?? 0;
    this.#retry = clock.after(wait, () => {
      this.#connect().then(
        () => {
          log.info('the database is back, and followed');
          this.#tell(undefined);
        },
        () => {
          if (!this.#closed) this.#again();
        },
      );
    });
  }

  #heard(payload: string): void {
    const [from, revision, log] = payload.split(' ');
    if (from === this.#self || log === undefined) return;
    this.#tell(log, Number(revision));
  }

  #tell(log: string | undefined, revision?: number): void {
    if (log !== undefined && revision !== undefined)
      this.#heardLast.set(log, Math.max(revision, this.#heardLast.get(log) ?? 0));
    for (const watcher of this.#watchers) watcher(log, revision);
  }
}
