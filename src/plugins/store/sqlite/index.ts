export { SqliteLedgerStore } from './ledger-store.ts';
export { SqliteStore } from './registry-store.ts';
