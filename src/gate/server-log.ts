import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Closeable } from '#kernel';

const REFUSED =
  /\[(\d+)\].*FATAL:\s+(?:password authentication failed for user "([^"]*)"|no pg_hba\.conf entry|pg_hba\.conf rejects)/;
const LINE_LIMIT = 4096;
const READ_BYTES = 64 * 1024;
const EVERY_MILLIS = 200;

export interface RefusedLogin {
  readonly pid: number;
  readonly user: string | undefined;
}

/** Follows the server's log from its end on, and tells of each login that the server refused: none of them is the gate's. */
export function followServerLog(path: string, onRefused: (login: RefusedLogin) => void): Closeable {
  let offset = sizeOf(path);
  let rest = '';
  const look = (): void => {
    const { text, next } = readFrom(path, offset);
    offset = next;
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_LIMIT);
    for (const line of lines) {
      const [whole, pid, user] = REFUSED.exec(line.slice(0, LINE_LIMIT)) ?? [];
      if (whole !== undefined) onRefused({ pid: Number(pid), user });
    }
  };
  const timer = setInterval(look, EVERY_MILLIS);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
    },
  };
}

function sizeOf(path: string): number {
  return withFile(path, (file) => fstatSync(file).size) ?? 0;
}

function readFrom(path: string, offset: number): { readonly text: string; readonly next: number } {
  const read = withFile(path, (file) => {
    // A log that has become shorter was begun anew.
    const from = fstatSync(file).size < offset ? 0 : offset;
    const bytes = Buffer.alloc(READ_BYTES);
    const length = readSync(file, bytes, 0, READ_BYTES, from);
    return { text: bytes.toString('utf8', 0, length), next: from + length };
  });
  return read ?? { text: '', next: offset };
}

function withFile<T>(path: string, use: (file: number) => T): T | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}
