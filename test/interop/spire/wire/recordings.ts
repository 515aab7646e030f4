import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recorded } from './recording.ts';

/** Folder of the recordings, one call a line. */
export const RECORDINGS = join(import.meta.dirname, 'recorded');

export function recording(name: string): readonly Recorded[] {
  const lines = readFileSync(join(RECORDINGS, `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line));
}
