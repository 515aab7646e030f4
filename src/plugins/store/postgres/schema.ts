import { Fault } from '#kernel';
import { type Database, numberOf, type Session } from './database.ts';

/** The schema's history: a database of any earlier version is brought up, one step at a time, all in one transaction. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE hauberk.revision (log text PRIMARY KEY, value bigint NOT NULL, compacted bigint NOT NULL DEFAULT 0);
   CREATE TABLE hauberk.change (
     log text NOT NULL, revision bigint NOT NULL, kind text NOT NULL, key text NOT NULL, body text,
     PRIMARY KEY (log, revision, kind, key)
   );
   CREATE TABLE hauberk.resource (
     log text NOT NULL, kind text NOT NULL, key text NOT NULL, body text NOT NULL, revision bigint NOT NULL,
     PRIMARY KEY (log, kind, key)
   );
   CREATE TABLE hauberk.receipt (
     position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, trust_domain text NOT NULL, id text NOT NULL UNIQUE, body text NOT NULL
   );
   CREATE TABLE hauberk.last_use (
     trust_domain text NOT NULL, kind text NOT NULL, key text NOT NULL, last_used_at bigint NOT NULL,
     PRIMARY KEY (trust_domain, kind, key)
   );
   CREATE TABLE hauberk.record (
     trust_domain text NOT NULL, position bigint NOT NULL, receipt_id text NOT NULL, txn text NOT NULL, body text NOT NULL,
     hash text NOT NULL, written bigint GENERATED ALWAYS AS IDENTITY,
     PRIMARY KEY (trust_domain, position), UNIQUE (trust_domain, receipt_id)
   );
   CREATE INDEX record_by_txn ON hauberk.record (txn);
   CREATE INDEX record_by_receipt ON hauberk.record (receipt_id);
   CREATE INDEX record_by_writing ON hauberk.record (written)`,
];

/** Any number; the same in every server, so that one of many that start at once brings the schema up. */
const MIGRATION_LOCK = 0x6861_7562;

export const SCHEMA_VERSION = MIGRATIONS.length;

/** 0 where there is none. */
export async function schemaVersion(session: Session): Promise<number> {
  const { rows } = await session.run("SELECT to_regclass('hauberk.schema') IS NOT NULL AS present");
  if (rows[0]?.present !== true) return 0;
  const [found] = (await session.run('SELECT version FROM hauberk.schema')).rows;
  return found === undefined ? 0 : numberOf(found.version);
}

/** Brings the schema up. Throws `STORE_SCHEMA_NEWER` for a database that a newer version wrote, `STORE_UNAVAILABLE`. */
export async function migrate(database: Database): Promise<void> {
  await database.transaction(async (session) => {
    await session.run('SELECT pg_advisory_xact_lock($1)', MIGRATION_LOCK);
    await session.run('CREATE SCHEMA IF NOT EXISTS hauberk');
    await session.run('CREATE TABLE IF NOT EXISTS hauberk.schema (version integer NOT NULL)');
    const found = await schemaVersion(session);
    if (found > MIGRATIONS.length) {
      throw new Fault(
        'STORE_SCHEMA_NEWER',
        `the database has schema ${found}, newer than ${MIGRATIONS.length}: a newer version of hauberk wrote it; run that one, or restore a backup`,
      );
    }
    if (found === MIGRATIONS.length) return;
    for (const sql of MIGRATIONS.slice(found)) for (const one of sql.split(';')) await session.run(one);
    await session.run('DELETE FROM hauberk.schema');
    await session.run('INSERT INTO hauberk.schema VALUES ($1)', MIGRATIONS.length);
  });
}
