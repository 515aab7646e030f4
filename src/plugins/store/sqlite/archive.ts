import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Fault } from '#kernel';
import {
  ARCHIVE_COLUMNS,
  ARCHIVE_TABLES,
  type Archive,
  type ArchiveRow,
  type TableName,
  type Upgrade,
} from '../archive.ts';
import { type Migration, numberOf, openDatabase } from './database.ts';
import { LEDGER_MIGRATIONS } from './ledger-tables.ts';
import { REGISTRY_MIGRATIONS } from './registry-schema.ts';

interface File {
  readonly name: string;
  readonly migrations: readonly Migration[];
  readonly tables: readonly TableName[];
}

const FILES: readonly File[] = [
  {
    name: 'registry.db',
    migrations: REGISTRY_MIGRATIONS,
    tables: ARCHIVE_TABLES.filter((table) => table !== 'record'),
  },
  { name: 'ledger.db', migrations: LEDGER_MIGRATIONS, tables: ['record'] },
];

/** The two files of a server's data directory, whole. Reading them disturbs no server that runs on them. */
export function sqliteArchive(directory: string): Archive {
  return {
    read: () => read(directory),
    restore: (rows) => restore(directory, rows),
    upgrade: async () => FILES.flatMap((file) => upgrade(directory, file)),
  };
}

async function* read(directory: string): AsyncGenerator<ArchiveRow> {
  const opened: DatabaseSync[] = [];
  try {
    for (const file of FILES) opened.push(openRead(directory, file));
    // All are read at the moment of their first statement, the registry before the ledgers.
    for (const database of opened) database.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    for (const [index, { tables }] of FILES.entries()) for (const table of tables) yield* rowsOf(opened[index], table);
  } finally {
    for (const database of opened) database.close();
  }
}

function openRead(directory: string, { name, migrations }: File): DatabaseSync {
  const path = join(directory, name);
  if (!existsSync(path)) throw new Fault('NOT_FOUND', `${path} does not exist`);
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  const found = versionOf(database);
  if (found === migrations.length) return database;
  database.close();
  if (found > migrations.length)
    throw new Fault('STORE_SCHEMA_NEWER', `${path} has schema ${found}, newer than ${migrations.length}`);
  throw new Fault(
    'STORE_SCHEMA_OLDER',
    `${path} has schema ${found}, older than ${migrations.length}: run hauberk upgrade`,
  );
}

function* rowsOf(database: DatabaseSync | undefined, table: TableName): Generator<ArchiveRow> {
  const columns = Object.entries(ARCHIVE_COLUMNS[table]).map(([field, column]) => `${column} AS "${field}"`);
  const statement = database?.prepare(`SELECT ${columns.join(', ')} FROM ${table} ORDER BY rowid`);
  // Columns have the names and types of the row's fields.
  for (const row of statement?.iterate() ?? []) yield { table, ...row } as unknown as ArchiveRow;
}

async function restore(directory: string, rows: AsyncIterable<ArchiveRow>): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const { name } of FILES)
    if (existsSync(join(directory, name)))
      throw new Fault(
        'ALREADY_EXISTS',
        `${join(directory, name)} exists: a backup is restored where there is no store`,
      );
  const writers = new Map<TableName, (row: ArchiveRow) => void>();
  const databases = FILES.map(({ name, migrations, tables }) => {
    discard(staging(directory, name));
    const database = openDatabase(staging(directory, name), migrations);
    // One file that is renamed when it is whole.
    database.exec('PRAGMA journal_mode = DELETE; BEGIN');
    for (const table of tables) writers.set(table, writer(database, table));
    return database;
  });
  try {
    for await (const row of rows) writers.get(row.table)?.(row);
    for (const database of databases) database.exec('COMMIT');
  } catch (error) {
    for (const database of databases) database.close();
    for (const { name } of FILES) discard(staging(directory, name));
    throw error;
  }
  for (const database of databases) database.close();
  // The registry last: a server that finds it finds its ledgers too.
  for (const { name } of [...FILES].reverse()) renameSync(staging(directory, name), join(directory, name));
}

/** How a row is written into its table. */
function writer(database: DatabaseSync, table: TableName): (row: ArchiveRow) => void {
  const columns = ARCHIVE_COLUMNS[table];
  const names = Object.values(columns);
  // What a log held at the backup's moment is its first state here: the changes before it are compacted.
  if (table === 'revision') names.push('compacted');
  const fields = [...Object.keys(columns), ...(table === 'revision' ? ['value'] : [])];
  const places = names.map(() => '?').join(', ');
  const statement = database.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`);
  return (row) => statement.run(...fields.map((field) => Reflect.get(row, field) as SQLInputValue));
}

function upgrade(directory: string, { name, migrations }: File): readonly Upgrade[] {
  const path = join(directory, name);
  if (!existsSync(path)) throw new Fault('NOT_FOUND', `${path} does not exist`);
  const before = new DatabaseSync(path, { timeout: 5000 });
  const from = versionOf(before);
  if (from >= migrations.length) {
    before.close();
    if (from > migrations.length)
      throw new Fault('STORE_SCHEMA_NEWER', `${path} has schema ${from}, newer than ${migrations.length}`);
    return [{ what: path, from, to: from }];
  }
  const copy = `${path}.schema-${from}`;
  if (existsSync(copy)) throw new Fault('ALREADY_EXISTS', `${copy} exists: a copy of an earlier upgrade; move it away`);
  before.prepare('VACUUM INTO ?').run(copy);
  before.close();
  openDatabase(path, migrations).close();
  return [{ what: path, from, to: migrations.length, copy }];
}

function versionOf(database: DatabaseSync): number {
  return numberOf(database.prepare('PRAGMA user_version').get()?.user_version);
}

function staging(directory: string, name: string): string {
  return join(directory, `${name}.restoring`);
}

function discard(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}
