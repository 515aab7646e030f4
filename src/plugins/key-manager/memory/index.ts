export { memoryJournal } from './memory-journal.ts';
export { MemoryKeyManager } from './memory-key-manager.ts';
