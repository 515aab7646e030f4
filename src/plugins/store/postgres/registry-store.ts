import type { Commit, PendingReceipt, Since, Snapshot, Store, Use } from '#registry';
import {
  COMPACT_EVERY,
  KEEP_REVISIONS,
  type LogRow,
  readChange,
  readResource,
  type WrittenCommit,
  writeCommit,
} from '../rows.ts';
import { type Database, numberOf, type Row, type Session, textOf } from './database.ts';
import type { Follower } from './follower.ts';

/** The registry in a PostgreSQL database that several servers share. Each hears of the others' commits. */
export class PostgresStore implements Store {
  readonly #database: Database;
  readonly #follower: Follower;

  constructor(database: Database, follower: Follower) {
    this.#database = database;
    this.#follower = follower;
  }

  load(): Promise<Snapshot> {
    const read = async (session: Session): Promise<Snapshot> => {
      const revisions = await session.run('SELECT log, value FROM hauberk.revision');
      const { rows } = await session.run(
        'SELECT log, kind, key, body, revision FROM hauberk.resource ORDER BY revision, log, kind, key',
      );
      return {
        revisions: new Map(revisions.rows.map((row) => [textOf(row.log), numberOf(row.value)])),
        resources: rows.map(toLogRow).map(readResource),
      };
    };
    return this.#database.transaction(read, { isolation: 'REPEATABLE READ READ ONLY' });
  }

  since(log: string, revision: number): Promise<Since> {
    const read = async (session: Session): Promise<Since> => {
      const [state] = (await session.run('SELECT value, compacted FROM hauberk.revision WHERE log = $1', log)).rows;
      if (state !== undefined && numberOf(state.compacted) > revision) {
        const sql = 'SELECT log, kind, key, body, revision FROM hauberk.resource WHERE log = $1 ORDER BY revision';
        const { rows } = await session.run(sql, log);
        return { kind: 'snapshot', revision: numberOf(state.value), resources: rows.map(toLogRow).map(readResource) };
      }
      const { rows } = await session.run(
        'SELECT log, kind, key, body, revision FROM hauberk.change WHERE log = $1 AND revision > $2 ORDER BY revision',
        log,
        revision,
      );
      return { kind: 'changes', changes: rows.map(toLogRow).map(readChange) };
    };
    return this.#database.transaction(read, { isolation: 'REPEATABLE READ READ ONLY' });
  }

  commit(commit: Commit): Promise<boolean> {
    const written = writeCommit(commit);
    return this.#database.transaction((session) => this.#write(session, written), { keeps: (kept) => kept });
  }

  async pendingReceipts(limit: number): Promise<readonly PendingReceipt[]> {
    const sql = 'SELECT trust_domain, id, body FROM hauberk.receipt ORDER BY position LIMIT $1';
    return (await this.#database.run(sql, limit)).map((row) => ({
      trustDomain: textOf(row.trust_domain),
      id: textOf(row.id),
      body: textOf(row.body),
    }));
  }

  async recordUse(uses: readonly Use[]): Promise<void> {
    // In one order everywhere, so that two servers that write the same never wait for each other in a circle.
    const sorted = [...uses].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
    await this.#database.run(
      `INSERT INTO hauberk.last_use SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
       ON CONFLICT (trust_domain, kind, key)
       DO UPDATE SET last_used_at = greatest(hauberk.last_use.last_used_at, excluded.last_used_at)`,
      sorted.map(({ trustDomain }) => trustDomain),
      sorted.map(({ kind }) => kind),
      sorted.map(({ key }) => key),
      sorted.map(({ lastUsedAt }) => lastUsedAt),
    );
  }

  async uses(trustDomain: string): Promise<readonly Use[]> {
    const rows = await this.#database.run(
      'SELECT kind, key, last_used_at FROM hauberk.last_use WHERE trust_domain = $1',
      trustDomain,
    );
    return rows.map((row) => ({
      trustDomain,
      kind: row.kind === 'Federation' ? 'Federation' : 'Entry',
      key: textOf(row.key),
      lastUsedAt: numberOf(row.last_used_at),
    }));
  }

  watch(changed: (log: string | undefined, revision?: number) => void): () => void {
    return this.#follower.watch(changed);
  }

  follows(): boolean {
    return this.#follower.listens();
  }

  async close(): Promise<void> {
    await this.#follower.close();
    await this.#database.close();
  }

  async #write(session: Session, { logs, receipts, delivered }: WrittenCommit): Promise<boolean> {
    // One order everywhere: two commits on the same logs wait for each other in turn, never in a circle.
    for (const { log, expected, changes } of [...logs].sort((a, b) => (a.log < b.log ? -1 : 1))) {
      if (!(await raise(session, log, expected))) return false;
      await writeChanges(session, log, expected + 1, changes);
      if ((expected + 1) % COMPACT_EVERY === 0) await compact(session, log, expected + 1 - KEEP_REVISIONS);
      await this.#follower.announce(session, log, expected + 1);
    }
    if (receipts.length > 0)
      await session.run(
        `INSERT INTO hauberk.receipt (trust_domain, id, body)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`,
        receipts.map(({ trustDomain }) => trustDomain),
        receipts.map(({ id }) => id),
        receipts.map(({ body }) => body),
      );
    // Rows that another server is just forgetting are left to it.
    if (delivered.length > 0)
      await session.run(
        `DELETE FROM hauberk.receipt WHERE position IN
         (SELECT position FROM hauberk.receipt WHERE id = ANY ($1::text[]) FOR UPDATE SKIP LOCKED)`,
        delivered,
      );
    return true;
  }
}

type WrittenChanges = WrittenCommit['logs'][number]['changes'];

/** The counter's row is locked for the rest of the transaction: whoever comes second finds it raised. */
async function raise(session: Session, log: string, expected: number): Promise<boolean> {
  const { count } =
    expected === 0
      ? await session.run('INSERT INTO hauberk.revision VALUES ($1, 1, 0) ON CONFLICT DO NOTHING', log)
      : await session.run('UPDATE hauberk.revision SET value = value + 1 WHERE log = $1 AND value = $2', log, expected);
  return count === 1;
}

async function writeChanges(session: Session, log: string, revision: number, changes: WrittenChanges): Promise<void> {
  if (changes.length === 0) return;
  await session.run(
    `INSERT INTO hauberk.change
     SELECT $1, $2::bigint, kind, key, body FROM unnest($3::text[], $4::text[], $5::text[]) AS given (kind, key, body)`,
    log,
    revision,
    changes.map(({ kind }) => kind),
    changes.map(({ key }) => key),
    changes.map(({ body }) => body),
  );
  await session.run(
    `INSERT INTO hauberk.resource
     SELECT log, kind, key, body, revision FROM hauberk.change WHERE log = $1 AND revision = $2 AND body IS NOT NULL
     ON CONFLICT (log, kind, key) DO UPDATE SET body = excluded.body, revision = excluded.revision`,
    log,
    revision,
  );
  if (changes.some(({ body }) => body === null))
    await session.run(
      `DELETE FROM hauberk.resource AS held USING hauberk.change AS change
       WHERE change.log = $1 AND change.revision = $2 AND change.body IS NULL
       AND held.log = change.log AND held.kind = change.kind AND held.key = change.key`,
      log,
      revision,
    );
}

async function compact(session: Session, log: string, floor: number): Promise<void> {
  if (floor <= 0) return;
  await session.run('DELETE FROM hauberk.change WHERE log = $1 AND revision <= $2', log, floor);
  await session.run('UPDATE hauberk.revision SET compacted = $2 WHERE log = $1', log, floor);
}

function rank({ trustDomain, kind, key }: Use): string {
  return `${trustDomain}\n${kind}\n${key}`;
}

function toLogRow(row: Row): LogRow {
  return {
    log: textOf(row.log),
    kind: textOf(row.kind),
    key: textOf(row.key),
    body: row.body === null ? null : textOf(row.body),
    revision: numberOf(row.revision),
  };
}
