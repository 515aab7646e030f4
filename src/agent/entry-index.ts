import type { EntryResource } from '#wire';

/** Entries by the rarest of their selectors, so that a caller is compared only with those that it may match. */
export class EntryIndex {
  readonly #bySelector: ReadonlyMap<string, readonly EntryResource[]>;

  constructor(entries: readonly EntryResource[]) {
    const counts = new Map<string, number>();
    for (const { selectors } of entries)
      for (const selector of selectors) counts.set(selector, (counts.get(selector) ?? 0) + 1);
    const rarest = ({ selectors }: EntryResource): string =>
      selectors.reduce(
        (best, one) => ((counts.get(one) ?? 0) < (counts.get(best) ?? 0) ? one : best),
        selectors[0] ?? '',
      );
    this.#bySelector = Map.groupBy(entries, rarest);
  }

  /** Entries all of whose selectors are seen, in no order. */
  matching(seen: ReadonlySet<string>): readonly EntryResource[] {
    const candidates = [...seen].flatMap((selector) => this.#bySelector.get(selector) ?? []);
    return candidates.filter(({ selectors }) => selectors.every((selector) => seen.has(selector)));
  }
}
