export { Seal } from '../seal.ts';
export { diskJournal } from './disk-journal.ts';
export { DiskKeyManager, type DiskKeyManagerOptions } from './disk-key-manager.ts';
export { type KeyFile, readKeyFiles, stageKeyFiles } from './key-files.ts';
export { makeDataDirectory } from './private-file.ts';
