import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '#kernel';

export type Row = Record<string, unknown>;

/** Brings a schema from one version to the next, inside a transaction. */
export type Migration = (database: DatabaseSync) => void;

/**
 * Opens a database file of mode 0600 with write-ahead log and full durability, and brings its schema up: the first migration makes an empty
 * file version 1. Throws `STORE_SCHEMA_NEWER` for a file that a newer version wrote, `DIRECTORY_UNWRITABLE`.
 */
export function openDatabase(file: string, migrations: readonly Migration[]): DatabaseSync {
  try {
    // Made here with its mode, which the write-ahead log inherits: a worker has no umask of its own.
    closeSync(openSync(file, 'a', 0o600));
    const database = new DatabaseSync(file);
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON',
    );
    const found = numberOf(database.prepare('PRAGMA user_version').get()?.user_version);
    if (found > migrations.length) {
      throw new Fault(
        'STORE_SCHEMA_NEWER',
        `${file} has schema ${found}, newer than ${migrations.length}: a newer version of hauberk wrote it; run that one, or restore a backup`,
      );
    }
    for (const [index, migrate] of migrations.entries()) {
      if (index < found) continue;
      transaction(database, () => {
        migrate(database);
        database.exec(`PRAGMA user_version = ${index + 1}`);
      });
    }
    return database;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('DIRECTORY_UNWRITABLE', `the database ${file} cannot be opened`, { cause });
  }
}

/** Runs in one immediate transaction; a throw rolls back, and so does a result that `keeps` refuses. */
export function transaction<T>(database: DatabaseSync, run: () => T, keeps: (result: T) => boolean = () => true): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = run();
    database.exec(keeps(result) ? 'COMMIT' : 'ROLLBACK');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
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
