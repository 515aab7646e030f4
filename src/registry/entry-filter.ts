import type { EntryResource } from '#wire';
import type { EntryIndex, HeldEntry } from './entry-index.ts';

/** SPIRE's four ways to compare what an entry has with what is asked: the same set, a part of it, all of it and more, or any of it. */
export type MatchBehavior = 'exact' | 'subset' | 'superset' | 'any';

export interface SetMatch {
  readonly values: readonly string[];
  readonly match: MatchBehavior;
}

/** Every field that is given must hold. */
export interface EntryFilter {
  readonly spiffeId?: string;
  readonly parentId?: string;
  readonly selectors?: SetMatch;
  readonly federatesWith?: SetMatch;
  readonly hint?: string;
  readonly downstream?: boolean;
}

/** Entries that a filter lets through, in order of id. Starts from the index that leaves least to look at. */
export function filterEntries(index: EntryIndex, filter: EntryFilter): readonly HeldEntry[] {
  const found = [...candidates(index, filter)].filter(({ body }) => passes(body, filter));
  return found.sort((a, b) => (a.body.id < b.body.id ? -1 : 1));
}

/** True when the set `has` stands to `wanted` as `match` says. */
export function matchesSet(has: readonly string[], { values, match }: SetMatch): boolean {
  const wanted = new Set(values);
  const held = new Set(has);
  switch (match) {
    case 'exact':
      return held.size === wanted.size && [...held].every((one) => wanted.has(one));
    case 'subset':
      return held.size > 0 && [...held].every((one) => wanted.has(one));
    case 'superset':
      return [...wanted].every((one) => held.has(one));
    case 'any':
      return [...held].some((one) => wanted.has(one));
  }
}

function passes(body: EntryResource, filter: EntryFilter): boolean {
  if (filter.spiffeId !== undefined && body.spiffeId !== filter.spiffeId) return false;
  if (filter.parentId !== undefined && body.parentId !== filter.parentId) return false;
  if (filter.hint !== undefined && (body.hint ?? '') !== filter.hint) return false;
  if (filter.downstream !== undefined && (body.downstream ?? false) !== filter.downstream) return false;
  if (filter.selectors !== undefined && !matchesSet(body.selectors, filter.selectors)) return false;
  return filter.federatesWith === undefined || matchesSet(body.federatesWith ?? [], filter.federatesWith);
}

function candidates(index: EntryIndex, filter: EntryFilter): Iterable<HeldEntry> {
  if (filter.spiffeId !== undefined) return index.bySpiffeId(filter.spiffeId);
  if (filter.selectors !== undefined && filter.selectors.values.length > 0) return bySelectors(index, filter.selectors);
  if (filter.parentId !== undefined) return index.byParent(filter.parentId);
  return index.all();
}

function bySelectors(index: EntryIndex, { values, match }: SetMatch): Iterable<HeldEntry> {
  if (match === 'subset' || match === 'any') return new Set(values.flatMap((value) => [...index.bySelector(value)]));
  const [rarest] = [...values].sort((a, b) => index.selectorCount(a) - index.selectorCount(b));
  return index.bySelector(rarest ?? '');
}
