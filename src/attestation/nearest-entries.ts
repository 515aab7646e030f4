/** An entry and what keeps it from matching. */
export interface NearEntry<E> {
  readonly entry: E;
  readonly missing: readonly string[];
}

/**
 * The entries that the fewest selectors keep from matching; of those, the ones whose missing selectors begin most like what was seen
 * (`supervisor:service:bank-a/greeter` for a process of `bank-a/greter`).
 */
export function nearestEntries<E extends { readonly selectors: readonly string[] }>(
  entries: readonly E[],
  seen: ReadonlySet<string>,
  count: number,
): readonly NearEntry<E>[] {
  const scored = entries.map((entry) => {
    const missing = entry.selectors.filter((selector) => !seen.has(selector));
    const alike = missing.reduce((sum, selector) => sum + likeness(selector, seen), 0);
    return { entry, missing, alike };
  });
  scored.sort(
    (a, b) =>
      a.missing.length - b.missing.length ||
      b.alike - a.alike ||
      b.entry.selectors.length - b.missing.length - (a.entry.selectors.length - a.missing.length),
  );
  return scored.slice(0, count).map(({ entry, missing }) => ({ entry, missing }));
}

/** How many characters the selector begins with as one that was seen does. */
function likeness(selector: string, seen: ReadonlySet<string>): number {
  let longest = 0;
  for (const other of seen) {
    let length = 0;
    while (length < selector.length && selector[length] === other[length]) length++;
    longest = Math.max(longest, length);
  }
  return longest;
}
