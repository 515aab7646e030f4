import type { Change, LoggedChange, Since, StoredKind, StoredResource } from './store.ts';

/** One committed revision of a log. */
export interface LogCommitted {
  readonly log: string;
  readonly revision: number;
  readonly changes: readonly AppliedChange[];
}

/** A change as it comes to stand: with what stood there, and, of several revisions that were taken over at once, its own. */
export type AppliedChange = Change & { readonly before?: unknown; readonly revision?: number };

/** What a log holds, by kind and key. */
export type LogContents = ReadonlyMap<StoredKind, ReadonlyMap<string, StoredResource>>;

/** Where a resource stands in its log. */
export function placeOf({ kind, key }: Pick<Change, 'kind' | 'key'>): string {
  return `${kind}\n${key}`;
}

/** Changes grouped by revision; a snapshot as the one revision that leads from what is held to it. */
export function revisionsOf(log: string, since: Since, held: LogContents): readonly LogCommitted[] {
  if (since.kind === 'snapshot') {
    const { revision, resources } = since;
    return [{ log, revision, changes: differences(held, resources) }];
  }
  const revisions = new Map<number, Change[]>();
  for (const change of since.changes) {
    const some = revisions.get(change.revision);
    if (some === undefined) revisions.set(change.revision, [toChange(change)]);
    else some.push(toChange(change));
  }
  return [...revisions].map(([revision, changes]) => ({ log, revision, changes }));
}

function differences(held: LogContents, resources: readonly StoredResource[]): readonly AppliedChange[] {
  const wanted = new Set(resources.map(placeOf));
  const gone = [...held].flatMap(([kind, some]) =>
    [...some.keys()].filter((key) => !wanted.has(placeOf({ kind, key }))).map((key) => ({ kind, key, body: null })),
  );
  const changed = resources.filter(({ kind, key, revision }) => held.get(kind)?.get(key)?.revision !== revision);
  return [...gone, ...changed];
}

function toChange({ kind, key, body }: LoggedChange): Change {
  return { kind, key, body };
}
