import { Fault, type Secret } from '#kernel';
import { EMPTY_HEAD, hashRecord } from '#ledger';
import { type KeyFile, stageKeyFiles } from '#plugins/key-manager/disk';
import { postgresArchive } from '#plugins/store/postgres';
import { type Archive, type ArchiveRow, sqliteArchive, type Upgrade } from '#plugins/store/sqlite';
import { type BackupRow, readBackup, writeBackup } from './backup-file.ts';
import { isKeyRow, type KeyRow, keyDirectory, openKeys, sealedKeys } from './backup-keys.ts';
import type { ServerConfig } from './config.ts';
import { postgresAddress } from './open-stores.ts';

type Place = Pick<ServerConfig, 'dataDir' | 'store' | 'authority'>;

/**
 * A restored log goes on far from where it was left: revisions that were given out after the backup, and are lost with what they wrote, are
 * never given to something else.
 */
const REVISION_GAP = 1_000_000;
/** The same for the bundle's sequence: whoever has seen a later bundle would refuse the next ones as rolled back. */
const SEQUENCE_GAP = 1000;

export interface BackupOptions {
  /** RFC 3339. */
  readonly createdAt: string;
  /** Seals the private keys of `dataDir`; without it they are not in the backup. */
  readonly keys?: Secret;
}

export interface RestoreOptions {
  /** Opens the private keys. */
  readonly keys?: Secret;
  /** Leave the keys of the backup where they are. */
  readonly withoutKeys?: boolean;
}

export interface Restored {
  readonly rows: number;
  /** Files of private keys. */
  readonly keys: number;
}

/**
 * Writes everything that the store holds at one moment to a file; a server may run meanwhile. Join tokens are not in it, private keys only
 * where a passphrase is given that seals them. Throws `ARGUMENT_INVALID` when keys are asked for that are not on this disk.
 */
export async function backup(place: Place, file: string, { createdAt, keys }: BackupOptions): Promise<number> {
  const kind = place.authority?.keys?.kind ?? 'disk';
  if (keys !== undefined && kind !== 'disk')
    throw new Fault('ARGUMENT_INVALID', `the private keys of this server are kept by "${kind}", not on its disk`);
  return writeBackup(file, rowsOf(place, keys), createdAt);
}

async function* rowsOf(place: Place, keys: Secret | undefined): AsyncGenerator<BackupRow> {
  yield* withoutTokens(archiveOf(place).read());
  if (keys !== undefined) yield* sealedKeys(place.dataDir, keys);
}

/**
 * Fills an empty store from a file, whichever kind of store wrote it, and an empty directory of keys. Nothing is written when a row, a
 * ledger's chain, or the seal of the keys does not hold. Throws `ARGUMENT_INVALID` for keys without a word of what to do with them.
 */
export async function restore(place: Place, file: string, options: RestoreOptions = {}): Promise<Restored> {
  const keys = await keysOf(file, options);
  const staged = keys.length === 0 ? undefined : await stageKeyFiles(keyDirectory(place.dataDir), keys);
  let rows = 0;
  const counted = async function* (): AsyncGenerator<ArchiveRow> {
    for await (const row of verifiedLedgers(readBackup(file))) {
      rows++;
      yield movedOn(row);
    }
  };
  try {
    await archiveOf(place).restore(counted());
  } catch (error) {
    await staged?.drop();
    throw error;
  }
  await staged?.keep();
  return { rows, keys: keys.length };
}

/** Read before anything is written: another passphrase, and nothing has happened. */
async function keysOf(file: string, { keys, withoutKeys = false }: RestoreOptions): Promise<readonly KeyFile[]> {
  const rows: KeyRow[] = [];
  for await (const row of readBackup(file)) if (isKeyRow(row)) rows.push(row);
  if (rows.length === 0 || withoutKeys) return [];
  if (keys === undefined)
    throw new Fault(
      'ARGUMENT_INVALID',
      'the backup holds private keys: give their passphrase, or say to go without them',
    );
  return openKeys(rows, keys);
}

/** Brings a store to this version's schema, beside a copy of what was there. */
export function upgrade(place: Place): Promise<readonly Upgrade[]> {
  return archiveOf(place).upgrade();
}

function archiveOf({ dataDir, store }: Place): Archive {
  return store?.type === 'postgres' ? postgresArchive(postgresAddress(store)) : sqliteArchive(dataDir);
}

/** A token that was used after the backup would be good again. */
async function* withoutTokens(rows: AsyncIterable<ArchiveRow>): AsyncGenerator<ArchiveRow> {
  for await (const row of rows) if (row.table !== 'resource' || row.kind !== 'JoinToken') yield row;
}

function movedOn(row: ArchiveRow): ArchiveRow {
  if (row.table === 'revision' && isState(row.log)) return { ...row, value: row.value + REVISION_GAP };
  if (row.table !== 'resource' || row.kind !== 'Bundle' || row.key !== row.log || row.body === null) return row;
  const bundle: { readonly sequence?: unknown } = JSON.parse(row.body);
  const sequence = Number(bundle.sequence ?? 0) + SEQUENCE_GAP;
  return { ...row, body: JSON.stringify({ ...bundle, sequence }) };
}

/** Agents and the journal of the authorities are logs of their own, whose revisions nobody else remembers. */
function isState(log: string): boolean {
  return !log.includes('/');
}

/** Throws `LEDGER_CORRUPT` at the first record that does not follow the one before it. */
async function* verifiedLedgers(rows: AsyncIterable<BackupRow>): AsyncGenerator<ArchiveRow> {
  const heads = new Map<string, { readonly position: number; readonly hash: string }>();
  for await (const row of rows) {
    if (isKeyRow(row)) continue;
    if (row.table === 'record') {
      const head = heads.get(row.trustDomain) ?? { position: 0, hash: EMPTY_HEAD };
      if (row.position !== head.position || row.hash !== hashRecord(head.hash, row.body))
        throw new Fault(
          'LEDGER_CORRUPT',
          `the ledger of ${row.trustDomain} does not verify from receipt ${head.position} on`,
        );
      heads.set(row.trustDomain, { position: head.position + 1, hash: row.hash });
    }
    yield row;
  }
}
