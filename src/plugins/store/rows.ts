import { Fault } from '#kernel';
import {
  type Change,
  type Commit,
  type LoggedChange,
  type PendingReceipt,
  STORED_KINDS,
  type StoredKind,
  type StoredResource,
} from '#registry';
import { RESOURCE_KINDS } from '#wire';

/** A row of a log as the databases hold it: the body is JSON, null for a removal. */
export interface LogRow {
  readonly log: string;
  readonly kind: string;
  readonly key: string;
  readonly body: string | null;
  readonly revision: number;
}

/** A commit with its bodies written out. */
export interface WrittenCommit {
  readonly logs: readonly {
    readonly log: string;
    readonly expected: number;
    readonly changes: readonly { readonly kind: string; readonly key: string; readonly body: string | null }[];
  }[];
  readonly receipts: readonly PendingReceipt[];
  readonly delivered: readonly string[];
}

/** Revisions of a log that stay readable one by one; what is older is in what the log holds. */
export const KEEP_REVISIONS = 400;
/** Compacted so many at once, so that it costs each commit little. */
export const COMPACT_EVERY = 200;

export function writeCommit({ logs, receipts = [], delivered = [] }: Commit): WrittenCommit {
  return {
    logs: logs.map(({ log, expected, changes }) => ({ log, expected, changes: changes.map(writeChange) })),
    receipts,
    delivered,
  };
}

/** Throws `STORE_SCHEMA_NEWER` for a kind that this version does not know. */
export function readResource({ log, kind, key, body, revision }: LogRow): StoredResource {
  return { log, kind: kindOf(kind), key, body: body === null ? null : JSON.parse(body), revision };
}

export function readChange(row: LogRow): LoggedChange {
  return { ...readResource(row), removed: row.body === null };
}

function writeChange({ kind, key, body }: Change) {
  return { kind, key, body: body === null ? null : JSON.stringify(body) };
}

const KINDS = new Map<string, StoredKind>([...RESOURCE_KINDS, ...STORED_KINDS].map((kind) => [kind, kind]));

function kindOf(text: string): StoredKind {
  const kind = KINDS.get(text);
  if (kind === undefined)
    throw new Fault('STORE_SCHEMA_NEWER', 'the store holds a kind of resource that this version does not know');
  return kind;
}
