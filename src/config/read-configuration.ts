import { readFileSync, type Stats, statSync } from 'node:fs';
import { LIMITS } from '#kernel';
import type { Problem } from './problem.ts';

/** The text of a configuration file, or what stands in the way. */
export type Read = { readonly text: string } | { readonly problem: Problem };

/** Reads a file of UTF-8 text whole. Its kind and size are looked at first: a pipe would never end, and a large file would fill memory. */
export function readConfiguration(file: string): Read {
  const problem = (expected: string, found: string): Read => ({ problem: { file, path: '', expected, found } });
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return problem('a file', kindOf(stats));
    const limit = LIMITS.documentFileBytes.value;
    if (stats.size > limit) return problem(`at most ${limit} bytes`, `${stats.size} bytes`);
    const bytes = readFileSync(file);
    if (bytes.includes(0)) return problem('text', 'a binary file');
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    return problem('a readable file of UTF-8 text', reasonOf(error));
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isSocket()) return 'a socket';
  return stats.isFIFO() ? 'a pipe' : 'a device';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no file of this name',
  ENOTDIR: 'no file of this name',
  EACCES: 'one that this user may not read',
  ELOOP: 'a link that leads to itself',
  ENAMETOOLONG: 'a name that is too long',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'other bytes',
};

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? `one that cannot be read (${code})`;
}
