import { invalid } from './ids.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly next: string;
}

/** One page of what is in order of key; a size of 0 is everything. The token is opaque: it names the last key that was given. */
export function pageOf<T>(ordered: readonly T[], size: number, token: string, keyOf: (item: T) => string): Page<T> {
  if (size < 0) throw invalid('page size', 'it is negative');
  const after = token === '' ? undefined : decode(token);
  const rest = after === undefined ? ordered : ordered.filter((item) => keyOf(item) > after);
  if (size === 0 || rest.length <= size) return { items: rest, next: '' };
  const items = rest.slice(0, size);
  const last = items.at(-1);
  return { items, next: last === undefined ? '' : Buffer.from(keyOf(last)).toString('base64url') };
}

function decode(token: string): string {
  const key = Buffer.from(token, 'base64url').toString();
  if (Buffer.from(key).toString('base64url') !== token) throw invalid('page token', 'it was not given here');
  return key;
}
