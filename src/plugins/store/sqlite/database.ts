import { DatabaseSync } from 'node:sqlite';
import { Fault } from '#kernel';

export type Row = Record<string, unknown>;

/** Opens a database file of mode 0600 with write-ahead log and full durability, and brings its schema to `version`. */
export function openDatabase(file: string, version: number, schema: string): DatabaseSync {
  const mask = process.umask(0o077);
  try {
    const database = new DatabaseSync(file);
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON',
    );
    const found = numberOf(database.prepare('PRAGMA user_version').get()?.user_version);
    if (found > version) {
      throw new Fault(
        'STORE_SCHEMA_NEWER',
        `${file} has schema ${found}, newer than ${version}: a newer version wrote it`,
      );
    }
    if (found < version) transaction(database, () => database.exec(`${schema}; PRAGMA user_version = ${version}`));
    return database;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('DIRECTORY_UNWRITABLE', `the database ${file} cannot be opened`, { cause });
  } finally {
    process.umask(mask);
  }
}

/** Runs in one immediate transaction; a throw rolls back. */
export function transaction<T>(database: DatabaseSync, run: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = run();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new Fault('INTERNAL_ERROR', 'the database holds another type than was written');
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Fault('INTERNAL_ERROR', 'the database holds another type than was written');
}

export function optionalText(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : textOf(value);
}
