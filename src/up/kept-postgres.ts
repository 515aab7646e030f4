import type { Closeable, Log } from '#kernel';
import { type RunningPostgres, startPostgres } from '#plugins/postgres';
import { pause } from './ready.ts';

const LOOK_MILLIS = 250;
const BACKOFF_MILLIS = 500;

/** The environment's PostgreSQL server, started again whenever its process ends; its directory, and so its address, stay. */
export async function keepPostgres(parts: {
  readonly dir: string;
  readonly log: Log;
  readonly say: (line: string) => void;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<RunningPostgres & Closeable> {
  const { dir, log, say, environment } = parts;
  const first = await startPostgres({ dir, log, environment });
  let current = first;
  let over = false;
  const startAgain = async (ended: RunningPostgres): Promise<RunningPostgres> => {
    await ended.close();
    while (!over) {
      try {
        return await startPostgres({ dir, log, environment });
      } catch (error) {
        say(`postgres did not start: ${error instanceof Error ? error.message : String(error)}`);
        await pause(BACKOFF_MILLIS);
      }
    }
    return ended;
  };
  const watch = (async () => {
    while (!over) {
      await pause(LOOK_MILLIS);
      if (over || isAlive(current.pid)) continue;
      say('postgres ended; starting it again');
      current = await startAgain(current);
      if (!over) say('postgres is back');
    }
  })();
  const close = async (): Promise<void> => {
    over = true;
    await watch;
    await current.close();
  };
  return { ...first, close };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
