export { diskJournal } from './disk-journal.ts';
export { DiskKeyManager, type DiskKeyManagerOptions } from './disk-key-manager.ts';
