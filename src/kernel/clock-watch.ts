import type { Clock, Scheduled } from './clock.ts';

const LOOK_MILLIS = 1000;
const MOVED_MILLIS = 2000;

/** Calls back within a second when wall time has moved against monotonic time: the clock was set, or the machine slept. */
export function watchClock(clock: Clock, moved: (byMillis: number) => void): Scheduled {
  const offset = (): number => clock.now() - clock.monotonic();
  let last = offset();
  const look = (): void => {
    const by = offset() - last;
    // A clock that is slewed goes along; one that jumps does not.
    last += by;
    timer = clock.after(LOOK_MILLIS, look);
    if (Math.abs(by) > MOVED_MILLIS) moved(by);
  };
  let timer = clock.after(LOOK_MILLIS, look);
  return { cancel: () => timer.cancel() };
}
