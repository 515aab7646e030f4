export type { Archive, ArchiveRow, Upgrade } from '../archive.ts';
export { sqliteArchive } from './archive.ts';
export { SqliteLedgerStore } from './ledger-store.ts';
export { SqliteStore } from './registry-store.ts';
