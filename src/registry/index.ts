export type { AgentFilter } from './agent-filter.ts';
export type { AgentRecord, JoinToken } from './agent-record.ts';
export type { AgentChange } from './agents.ts';
export type { Refusal } from './commits.ts';
export type { Committed, CommittedChange } from './committed.ts';
export type { Draft, PlannedChange } from './draft.ts';
export { isSameEntry, parseEntry } from './entry.ts';
export type { EntryFilter, MatchBehavior, SetMatch } from './entry-filter.ts';
export type { HeldEntry } from './entry-index.ts';
export {
  type BundleRemoval,
  removeFederatedBundle,
  setFederatedBundle,
  takeFetchedBundle,
} from './federated-bundle.ts';
export { parseFederation } from './federation.ts';
export type { PastResource } from './history.ts';
export { journalLog, keyLog } from './log-names.ts';
export { MemoryStore } from './memory-store.ts';
export type { ReceiptOutlet } from './receipt-delivery.ts';
export { type Held, Registry, type RegistryOptions } from './registry.ts';
export { type ContractRule, type StorePlace, storeContract } from './store.contract.ts';
export {
  type Change,
  type Commit,
  type LoggedChange,
  type PendingReceipt,
  type ResourceChange,
  type Since,
  type Snapshot,
  STORED_KINDS,
  type Store,
  type StoredKind,
  type StoredResource,
  type Use,
} from './store.ts';
