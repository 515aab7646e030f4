import type { EntryResource } from './resources.ts';

/**
 * The order of a workload's identities, and so its default one: highest priority first, then the oldest, then by id. The same everywhere
 * and on every run.
 */
export function compareEntries(a: EntryResource, b: EntryResource): number {
  const byPriority = (b.priority ?? 0) - (a.priority ?? 0);
  if (byPriority !== 0) return byPriority;
  const byAge = (a.createdAt ?? 0) - (b.createdAt ?? 0);
  if (byAge !== 0) return byAge;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
