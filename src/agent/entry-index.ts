import type { EntryResource } from '#wire';

/** Below this, how the entries lie matters to nobody. */
const SMALL = 64;

interface Place {
  readonly entry: EntryResource;
  readonly selector: string;
}

/**
 * Entries by the rarest of their selectors, so that a caller is compared only with those that it may match. A change costs what the entry
 * has, not what there is; which selector was the rarest is looked up anew when twice as many have come.
 */
export class EntryIndex {
  readonly #counts = new Map<string, number>();
  readonly #places = new Map<string, Place>();
  #bySelector = new Map<string, Set<EntryResource>>();
  #laidOutAt = 0;

  get size(): number {
    return this.#places.size;
  }

  find(key: string): EntryResource | undefined {
    return this.#places.get(key)?.entry;
  }

  all(): readonly EntryResource[] {
    return [...this.#places.values()].map(({ entry }) => entry);
  }

  /** Adds an entry, or puts it in the place of the one under this key. */
  put(key: string, entry: EntryResource): void {
    this.remove(key);
    for (const selector of entry.selectors) this.#counts.set(selector, (this.#counts.get(selector) ?? 0) + 1);
    this.#lay(key, entry);
    if (this.size > SMALL && this.size > 2 * this.#laidOutAt) this.#layOut();
  }

  remove(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    const { entry, selector } = place;
    const beside = this.#bySelector.get(selector);
    beside?.delete(entry);
    if (beside?.size === 0) this.#bySelector.delete(selector);
    for (const one of entry.selectors) {
      const left = (this.#counts.get(one) ?? 0) - 1;
      if (left > 0) this.#counts.set(one, left);
      else this.#counts.delete(one);
    }
  }

  /** Entries all of whose selectors are seen, in no order. */
  matching(seen: ReadonlySet<string>): readonly EntryResource[] {
    const found: EntryResource[] = [];
    for (const selector of seen)
      for (const entry of this.#bySelector.get(selector) ?? []) if (matches(entry, seen)) found.push(entry);
    return found;
  }

  #lay(key: string, entry: EntryResource): void {
    const selector = this.#rarest(entry);
    this.#places.set(key, { entry, selector });
    const beside = this.#bySelector.get(selector);
    if (beside === undefined) this.#bySelector.set(selector, new Set([entry]));
    else beside.add(entry);
  }

  #layOut(): void {
    this.#laidOutAt = this.size;
    this.#bySelector = new Map();
    for (const [key, { entry }] of this.#places) this.#lay(key, entry);
  }

  #rarest({ selectors }: EntryResource): string {
    const count = (selector: string): number => this.#counts.get(selector) ?? 0;
    return selectors.reduce((best, one) => (count(one) < count(best) ? one : best), selectors[0] ?? '');
  }
}

/** True when all of the entry's selectors are seen. One without selectors would match every process: it matches none. */
export function matches({ selectors }: EntryResource, seen: ReadonlySet<string>): boolean {
  return selectors.length > 0 && selectors.every((selector) => seen.has(selector));
}
