import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { Fault } from '#kernel';
import type { ArchiveRow } from '#plugins/store/sqlite';
import type { KeyRow } from './backup-keys.ts';

/** What a line of a backup holds. */
export type BackupRow = ArchiveRow | KeyRow;

/** The first line of a backup. Files of another format are refused. */
const FORMAT = 1;

/** The last line: without it, or with another digest, the file is not whole. */
interface End {
  readonly rows: number;
  /** SHA-256 over all lines before, each with its line feed. */
  readonly sha256: string;
}

const TABLES: ReadonlySet<unknown> = new Set(['revision', 'resource', 'last_use', 'receipt', 'record', 'seal', 'key']);
const FLUSH_BYTES = 1 << 20;
const LINE_CHARACTERS = 64 << 20;

/**
 * Writes rows as lines of JSON to a file that its owner alone may read; it has its name when it is whole. Returns how many rows it has.
 * Throws `ALREADY_EXISTS`, `DIRECTORY_UNWRITABLE`.
 */
export async function writeBackup(path: string, rows: AsyncIterable<BackupRow>, createdAt: string): Promise<number> {
  const staging = `${path}.new`;
  await assertAbsent(path);
  const file = await create(staging);
  try {
    const written = await writeLines(file, rows, createdAt);
    await file.sync();
    await file.close();
    await rename(staging, path);
    return written;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(staging, { force: true });
    throw error;
  }
}

/** Reads a backup twice: first that it is whole and unchanged, then its rows. Throws `BACKUP_INVALID`, `CONFIG_UNREADABLE`. */
export async function* readBackup(path: string): AsyncGenerator<BackupRow> {
  const rows = await assertWhole(path);
  let left = rows;
  let first = true;
  for await (const line of linesOf(path)) {
    if (first) first = false;
    else if (left-- > 0) yield parseRow(line);
  }
}

async function writeLines(file: FileHandle, rows: AsyncIterable<BackupRow>, createdAt: string): Promise<number> {
  const digest = createHash('sha256');
  let [waiting, count] = [`${JSON.stringify({ hauberk: 'backup', format: FORMAT, createdAt })}\n`, 0];
  const flush = async (): Promise<void> => {
    digest.update(waiting);
    await file.appendFile(waiting);
    waiting = '';
  };
  for await (const row of rows) {
    waiting += `${JSON.stringify(row)}\n`;
    count++;
    if (waiting.length > FLUSH_BYTES) await flush();
  }
  await flush();
  const end: End = { rows: count, sha256: digest.digest('hex') };
  await file.appendFile(`${JSON.stringify({ end })}\n`);
  return count;
}

async function assertWhole(path: string): Promise<number> {
  const digest = createHash('sha256');
  let [lines, last] = [0, ''];
  for await (const line of linesOf(path)) {
    if (lines === 0) assertHeader(line);
    else digest.update(`${last}\n`);
    last = line;
    lines++;
  }
  const { end } = Object(readJson(last)) as { end?: Partial<End> };
  // The first line and the last are no rows.
  if (end?.rows !== lines - 2 || end.sha256 !== digest.digest('hex'))
    throw new Fault('BACKUP_INVALID', `${path} is not whole, or was changed: its end does not match its rows`);
  return end.rows;
}

function assertHeader(line: string): void {
  const { hauberk, format } = Object(readJson(line)) as { hauberk?: unknown; format?: unknown };
  if (hauberk !== 'backup') throw new Fault('BACKUP_INVALID', 'the file is no backup of hauberk');
  if (format !== FORMAT)
    throw new Fault('BACKUP_INVALID', `the backup is of format ${String(format)}; this version reads ${FORMAT}`);
}

function parseRow(line: string): BackupRow {
  const row = readJson(line);
  if (!TABLES.has(Object(row).table)) throw new Fault('BACKUP_INVALID', 'the backup holds a row of an unknown table');
  // Whole by its digest: written by `writeBackup`.
  return row as BackupRow;
}

function readJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Fault('BACKUP_INVALID', 'a line of the backup is not JSON', { cause });
  }
}

/** Lines end with a line feed alone: `readline` would split at U+2028 too, which JSON leaves bare. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, 'utf8')) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_CHARACTERS) throw new Fault('BACKUP_INVALID', 'a line of the backup is too long');
      yield* lines;
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read`, { cause });
  }
  if (rest !== '') yield rest;
}

async function assertAbsent(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined);
  await file?.close();
  if (file !== undefined) throw new Fault('ALREADY_EXISTS', `${path} exists`);
}

async function create(path: string): Promise<FileHandle> {
  try {
    // Made anew: a link or a file that stands there already would be written through, and keep its mode.
    return await open(path, 'wx', 0o600);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
      throw new Fault('ALREADY_EXISTS', `${path} exists: a backup is being written there, or was broken off`, {
        cause,
      });
    throw new Fault('DIRECTORY_UNWRITABLE', `${path} cannot be written`, { cause });
  }
}
