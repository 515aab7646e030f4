import { readdirSync, readFileSync } from 'node:fs';

/** Processor time that a process's threads have used, microseconds: proc(5), `/proc/<pid>/task/<tid>/schedstat`. */
export interface ProcessorTime {
  readonly all: number;
  /** Of the thread that runs JavaScript for every call. */
  readonly main: number;
}

export function processorTime(pid: number): ProcessorTime {
  const tasks = `/proc/${pid}/task`;
  const all = readdirSync(tasks).reduce((sum, tid) => sum + microseconds(`${tasks}/${tid}/schedstat`), 0);
  return { all, main: microseconds(`${tasks}/${pid}/schedstat`) };
}

function microseconds(path: string): number {
  try {
    return Number(readFileSync(path, 'latin1').split(' ')[0]) / 1000;
  } catch {
    // The thread has ended meanwhile.
    return 0;
  }
}
