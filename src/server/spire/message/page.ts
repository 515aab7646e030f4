import { invalid } from './ids.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly next: string;
}

export interface PageQuestion<T> {
  readonly size: number;
  readonly token: string;
  readonly keyOf: (item: T) => string;
  /** About as many as it is sent in. */
  readonly bytesOf?: (item: T) => number;
}

/** Of the items of a page that has a size: what gRPC's clients read, and room for what is around them. */
const PAGE_BYTES = 2 * 1024 * 1024;

/**
 * One page of what is in order of key; a size of 0 is everything. Large items make a smaller page, of one at least. The token is opaque: it names
 * the last key that was given.
 */
export function pageOf<T>(ordered: readonly T[], { size, token, keyOf, bytesOf = () => 0 }: PageQuestion<T>): Page<T> {
  if (size < 0) throw invalid('page size', 'it is negative');
  const after = token === '' ? undefined : decode(token);
  const rest = after === undefined ? ordered : ordered.filter((item) => keyOf(item) > after);
  if (size === 0) return { items: rest, next: '' };
  const items = rest.slice(0, fitting(rest, size, bytesOf));
  if (items.length === rest.length) return { items, next: '' };
  const last = items.at(-1);
  return { items, next: last === undefined ? '' : Buffer.from(keyOf(last)).toString('base64url') };
}

/** How many of the first fit a page. */
function fitting<T>(items: readonly T[], size: number, bytesOf: (item: T) => number): number {
  let [count, bytes] = [0, 0];
  for (const item of items) {
    bytes += bytesOf(item);
    if (count === size || (count > 0 && bytes > PAGE_BYTES)) return count;
    count++;
  }
  return count;
}

function decode(token: string): string {
  const key = Buffer.from(token, 'base64url').toString();
  if (Buffer.from(key).toString('base64url') !== token) throw invalid('page token', 'it was not given here');
  return key;
}
