import type { Lifecycle } from '#kernel';
import type { Supervised } from './supervised.ts';

/** Starts processes at once; what was started is stopped at once too, and before what was started earlier. */
export async function startTogether(
  lifecycle: Lifecycle,
  processes: readonly Supervised[],
  say: (line: string) => void,
): Promise<void> {
  const started: Supervised[] = [];
  lifecycle.defer(async () => void (await Promise.all(started.map((process) => process.close()))));
  const start = async (process: Supervised): Promise<void> => {
    await process.start();
    started.push(process);
    say(`${process.name} is ready`);
  };
  await allOf(processes.map(start));
}

/** Like `Promise.all`, but it lets every start end before it throws the first failure: what was started can then be stopped. */
export async function allOf<T extends readonly Promise<unknown>[]>(
  started: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(started);
  return Promise.all(started) as Promise<{ [K in keyof T]: Awaited<T[K]> }>;
}
