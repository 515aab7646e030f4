import type { Closeable } from '#kernel';
import type { ResourceKind } from '#wire';

/** What a log holds: the resources that travel to agents, and what stays with the servers. */
export const STORED_KINDS = ['Agent', 'JoinToken', 'Journal'] as const;
export type StoredKind = ResourceKind | (typeof STORED_KINDS)[number];

/** One change of a log; a body of null is a removal. */
export interface Change {
  readonly kind: StoredKind;
  readonly key: string;
  readonly body: unknown;
}

/** A change of a trust domain's state. */
export interface ResourceChange extends Change {
  readonly kind: ResourceKind;
}

export interface StoredResource {
  readonly log: string;
  readonly kind: StoredKind;
  readonly key: string;
  readonly body: unknown;
  /** The revision of its log that wrote it. */
  readonly revision: number;
}

export interface LoggedChange extends StoredResource {
  readonly removed: boolean;
}

/** Changes of one log, made on the state that the log had at revision `expected`. */
export interface LogCommit {
  readonly log: string;
  readonly expected: number;
  readonly changes: readonly Change[];
}

/** A receipt of a commit, written in the commit's own transaction and kept until the ledger has it. */
export interface PendingReceipt {
  readonly trustDomain: string;
  readonly id: string;
  /** JSON, as the ledger takes it. */
  readonly body: string;
}

export interface Commit {
  readonly logs: readonly LogCommit[];
  readonly receipts?: readonly PendingReceipt[];
  /** Receipts of earlier commits that the ledger has by now, by id: forgotten in the same transaction. */
  readonly delivered?: readonly string[];
}

/** Everything at one moment. */
export interface Snapshot {
  readonly revisions: ReadonlyMap<string, number>;
  readonly resources: readonly StoredResource[];
}

/** What happened to a log since a revision: its changes, oldest first, or, when they have been compacted, what it holds now. */
export type Since =
  | { readonly kind: 'changes'; readonly changes: readonly LoggedChange[] }
  | { readonly kind: 'snapshot'; readonly revision: number; readonly resources: readonly StoredResource[] };

/** When an entry or a federation served last. Kept apart from the logs: using something changes nothing. */
export interface Use {
  readonly trustDomain: string;
  readonly kind: 'Entry' | 'Federation';
  readonly key: string;
  /** Unix seconds. */
  readonly lastUsedAt: number;
}

/**
 * Port: the registry's truth, ordered change logs. The state of a trust domain is the log of its name; its agents, join tokens and
 * authority journal are logs beside it, so that one transaction can write several. The revision of a commit is the log's counter, raised
 * in the same transaction: revisions have no gaps and no doubles. Implementations pass `storeContract`.
 */
export interface Store extends Closeable {
  /** Everything that is not removed, at one moment, in order of revision. */
  load(): Promise<Snapshot>;
  since(log: string, revision: number): Promise<Since>;
  /**
   * Writes everything, each log under one new revision, or nothing. False when a log is no longer at its expected revision: of many who
   * commit on one revision exactly one gets true.
   */
  commit(commit: Commit): Promise<boolean>;
  /** Receipts that the ledger may not have, oldest first. */
  pendingReceipts(limit: number): Promise<readonly PendingReceipt[]>;
  /** The newest time wins. */
  recordUse(uses: readonly Use[]): Promise<void>;
  uses(trustDomain: string): Promise<readonly Use[]>;
  /**
   * Calls back when another process has written to a log, with its revision where it is known; without a name when any may have been
   * written. Returns how to stop.
   */
  watch(changed: (log: string | undefined, revision?: number) => void): () => void;
  /** False while what other processes write would go unnoticed. */
  follows(): boolean;
}
