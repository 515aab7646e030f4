import { readdirSync, readFileSync } from 'node:fs';

/** Processor time that a process's threads have used, microseconds: proc(5), `/proc/<pid>/task/<tid>/schedstat`. */
export interface ProcessorTime {
  readonly all: number;
  /** Of the thread that runs JavaScript for every call. */
  readonly main: number;
}

export function processorTime(pid: number): ProcessorTime {
  let [all, main] = [0, 0];
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const nanos = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
    all += nanos / 1000;
    if (Number(thread) === pid) main = nanos / 1000;
  }
  return { all, main };
}
