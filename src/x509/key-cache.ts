import type { KeyObject } from 'node:crypto';

const CAPACITY = 2048;

/**
 * Public keys by their exact encoding: opening one costs as much as half a signature, and the same keys come again and again (of the request, then of
 * the certificate made for it, then of every connection). Only keys that were accepted are kept; the oldest make room.
 */
const opened = new Map<string, KeyObject>();

/** The key of these bytes; `open` judges bytes that were not seen lately. */
export function cachedKey(spki: Buffer, open: (spki: Buffer) => KeyObject): KeyObject {
  const bytes = spki.toString('latin1');
  const known = opened.get(bytes);
  if (known !== undefined) return known;
  const key = open(spki);
  if (opened.size >= CAPACITY) forgetOldest();
  opened.set(bytes, key);
  return key;
}

function forgetOldest(): void {
  const [oldest] = opened.keys();
  if (oldest !== undefined) opened.delete(oldest);
}
