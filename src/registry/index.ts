export { entriesOfAgent, validateEntry } from './entry.ts';
export { type Committed, Registry, type RegistryOptions } from './registry.ts';
export type { AgentRecord, Change, JoinToken, LoggedChange, Store, StoredResource } from './store.ts';
