import { readFileSync } from 'node:fs';

/** Start time of a process in clock ticks since boot (proc(5), field 22), or undefined when it is gone. */
export function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything, parentheses and blanks included.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
