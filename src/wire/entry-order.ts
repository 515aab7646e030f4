import type { EntryResource } from './resources.ts';

/**
 * The order of a workload's identities, and so its default one: highest priority first, then the lowest id, as SPIRE has it. The
 * same everywhere and on every run.
 */
export function compareEntries(a: EntryResource, b: EntryResource): number {
  const byPriority = (b.priority ?? 0) - (a.priority ?? 0);
  if (byPriority !== 0) return byPriority;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
