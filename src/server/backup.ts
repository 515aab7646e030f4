import { Fault } from '#kernel';
import { EMPTY_HEAD, hashRecord } from '#ledger';
import { postgresArchive } from '#plugins/store/postgres';
import { type Archive, type ArchiveRow, sqliteArchive, type Upgrade } from '#plugins/store/sqlite';
import { readBackup, writeBackup } from './backup-file.ts';
import type { ServerConfig } from './config.ts';
import { postgresAddress } from './open-stores.ts';

type Place = Pick<ServerConfig, 'dataDir' | 'store'>;

/**
 * A restored log goes on far from where it was left: revisions that were given out after the backup, and are lost with what they wrote, are
 * never given to something else.
 */
const REVISION_GAP = 1_000_000;
/** The same for the bundle's sequence: whoever has seen a later bundle would refuse the next ones as rolled back. */
const SEQUENCE_GAP = 1000;

/** Writes everything that the store holds at one moment to a file; a server may run meanwhile. Private keys and join tokens are not in it. */
export function backup(place: Place, file: string, createdAt: string): Promise<number> {
  return writeBackup(file, withoutTokens(archiveOf(place).read()), createdAt);
}

/** Fills an empty store from a file, whichever kind of store wrote it. Nothing is written when a row, or a ledger's chain, does not hold. */
export async function restore(place: Place, file: string): Promise<number> {
  let count = 0;
  const counted = async function* (): AsyncGenerator<ArchiveRow> {
    for await (const row of verifiedLedgers(readBackup(file))) {
      count++;
      yield movedOn(row);
    }
  };
  await archiveOf(place).restore(counted());
  return count;
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
async function* verifiedLedgers(rows: AsyncIterable<ArchiveRow>): AsyncGenerator<ArchiveRow> {
  const heads = new Map<string, { readonly position: number; readonly hash: string }>();
  for await (const row of rows) {
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
