import { Fault } from '#kernel';
import {
  ARCHIVE_COLUMNS,
  ARCHIVE_TABLES,
  type Archive,
  type ArchiveRow,
  type TableName,
  type Upgrade,
} from '../archive.ts';
import type { PostgresAddress } from './address.ts';
import { Database, numberOf, type Row, type Session, type Value } from './database.ts';
import { migrate, SCHEMA_VERSION, schemaVersion } from './schema.ts';

const PAGE = 2000;
const NUMBERS = new Set(['value', 'revision', 'lastUsedAt', 'position']);

/** The tables of one database, whole. */
export function postgresArchive(address: PostgresAddress): Archive {
  return {
    read: () => read(address),
    restore: (rows) => withDatabase(address, (database) => restore(database, rows)),
    upgrade: () => withDatabase(address, (database) => upgrade(database, address)),
  };
}

async function* read(address: PostgresAddress): AsyncGenerator<ArchiveRow> {
  const database = new Database(address);
  const session = await database.begin('REPEATABLE READ READ ONLY');
  try {
    assertPresent(await schemaVersion(session));
    for (const table of ARCHIVE_TABLES) yield* rowsOf(session, table);
  } finally {
    await session.end();
    await database.close();
  }
}

async function* rowsOf(session: Session, table: TableName): AsyncGenerator<ArchiveRow> {
  const columns = Object.entries(ARCHIVE_COLUMNS[table]).map(([field, column]) => `${column} AS "${field}"`);
  const order =
    table === 'record' ? 'written' : table === 'receipt' ? 'position' : Object.values(ARCHIVE_COLUMNS[table]).join();
  await session.run(
    `DECLARE rows_of_${table} CURSOR FOR SELECT ${columns.join(', ')} FROM hauberk.${table} ORDER BY ${order}`,
  );
  for (;;) {
    const { rows } = await session.run(`FETCH ${PAGE} FROM rows_of_${table}`);
    // Columns have the names of the row's fields.
    for (const row of rows) yield { table, ...withNumbers(row) } as unknown as ArchiveRow;
    if (rows.length < PAGE) break;
  }
  await session.run(`CLOSE rows_of_${table}`);
}

function withNumbers(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([field, value]) => [field, NUMBERS.has(field) ? numberOf(value) : value]),
  );
}

async function restore(database: Database, rows: AsyncIterable<ArchiveRow>): Promise<void> {
  await migrate(database);
  await database.transaction(async (session) => {
    await session.run('LOCK TABLE hauberk.revision IN ACCESS EXCLUSIVE MODE');
    for (const table of ARCHIVE_TABLES)
      if ((await session.run(`SELECT 1 FROM hauberk.${table} LIMIT 1`)).rows.length > 0)
        throw new Fault('ALREADY_EXISTS', 'the database holds a store: a backup is restored where there is none');
    let batch: ArchiveRow[] = [];
    for await (const row of rows) {
      if (batch.length === PAGE || (batch[0] !== undefined && batch[0].table !== row.table)) {
        await insert(session, batch);
        batch = [];
      }
      batch.push(row);
    }
    await insert(session, batch);
  });
}

async function insert(session: Session, rows: readonly ArchiveRow[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = ARCHIVE_COLUMNS[first.table];
  const names = Object.values(columns);
  const values: Value[] = Object.keys(columns).map((field) => rows.map((row) => Reflect.get(row, field)));
  if (first.table === 'revision') {
    // What a log held at the backup's moment is its first state here: the changes before it are compacted.
    names.push('compacted');
    values.push(rows.map((row) => Reflect.get(row, 'value')));
  }
  const fields = [...Object.keys(columns), 'value'];
  const given = values.map((_, at) => `$${at + 1}::${NUMBERS.has(fields[at] ?? '') ? 'bigint' : 'text'}[]`);
  await session.run(
    `INSERT INTO hauberk.${first.table} (${names.join(', ')}) SELECT * FROM unnest(${given.join(', ')})`,
    ...values,
  );
}

async function upgrade(database: Database, { host, database: name }: PostgresAddress): Promise<readonly Upgrade[]> {
  const from = await database.transaction((session) => schemaVersion(session));
  assertPresent(from, { older: true });
  await migrate(database);
  return [{ what: `database ${name} at ${host}`, from, to: SCHEMA_VERSION }];
}

function assertPresent(version: number, { older = false } = {}): void {
  if (version === 0) throw new Fault('NOT_FOUND', 'the database holds no store');
  if (version > SCHEMA_VERSION)
    throw new Fault('STORE_SCHEMA_NEWER', `the database has schema ${version}, newer than ${SCHEMA_VERSION}`);
  if (version < SCHEMA_VERSION && !older)
    throw new Fault(
      'STORE_SCHEMA_OLDER',
      `the database has schema ${version}, older than ${SCHEMA_VERSION}: run hauberk upgrade`,
    );
}

async function withDatabase<T>(address: PostgresAddress, use: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database(address);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}
