import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds that all threads of a process have run so far (`/proc/<pid>/task/<tid>/schedstat`, first field). */
export function processorMillis(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce((sum, tid) => sum + nanoseconds(`${tasks}/${tid}/schedstat`), 0) / 1e6;
}

function nanoseconds(path: string): number {
  try {
    return Number(readFileSync(path, 'latin1').split(' ')[0]);
  } catch {
    // The thread has ended meanwhile.
    return 0;
  }
}
