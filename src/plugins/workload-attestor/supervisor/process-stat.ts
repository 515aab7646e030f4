import { readFileSync } from 'node:fs';

/** What proc(5) says of a process in `/proc/<pid>/stat`. */
export interface ProcessStat {
  /** Field 6: the session, which children inherit and only `setsid` changes. */
  readonly session: number;
  /** Field 22, clock ticks since boot: tells a process from a later one of the same pid. */
  readonly startTime: string;
}

const ENDED = new Set(['Z', 'X', 'x']);

/** Undefined when the process is gone; one that has ended and waits to be reaped is gone too. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything, parentheses and blanks included.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, session, startTime] = [fields[0], fields[3], fields[19]];
    if (state === undefined || ENDED.has(state) || session === undefined || startTime === undefined) return undefined;
    return { session: Number(session), startTime };
  } catch {
    return undefined;
  }
}
