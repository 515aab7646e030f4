/**
 * Wall and monotonic time, as separate readings: wall time decides what has expired, monotonic time measures durations.
 * Both in milliseconds. Everything that expires takes a `Clock` through its constructor.
 */
export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Monotonic time in milliseconds since an arbitrary origin; never goes back. */
  monotonic(): number;
  /**
   * Calls `fire` once when wall time reaches `atMillis` (at once, asynchronously, when it already has). Survives sleep and clock
   * jumps: the due time is compared with wall time at least once a second, never handed to one long timer (Node's timers fire at
   * once beyond 24.8 days and stand still while a laptop sleeps).
   */
  at(atMillis: number, fire: () => void): Scheduled;
  /**
   * Calls `fire` once when so much monotonic time has passed: for retries and for what must be heard within a time. A wall clock that is set
   * back by minutes would hold up by minutes what `at` a moment from now was to do.
   */
  after(millis: number, fire: () => void): Scheduled;
}

export interface Scheduled {
  cancel(): void;
}

/**
 * Calls `fire` once when so much time has passed by either clock, for what is done every few minutes: the time that a machine slept counts, and a
 * wall clock that is set back holds up nothing.
 */
export function within(clock: Clock, millis: number, fire: () => void): Scheduled {
  const scheduled: Scheduled[] = [];
  const cancel = (): void => {
    for (const one of scheduled) one.cancel();
  };
  const due = (): void => {
    cancel();
    fire();
  };
  scheduled.push(clock.at(clock.now() + millis, due), clock.after(millis, due));
  return { cancel };
}

/** Seconds since the epoch, floored: the unit of JWT claims and of X.509 times. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

const TICK_MILLIS = 1000;

interface Entry {
  readonly at: number;
  readonly fire: () => void;
}

class SystemClock implements Clock {
  readonly #due = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;
  /** Wall time at which the timer looks at all that is due. */
  #armedFor = Number.POSITIVE_INFINITY;

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  at(atMillis: number, fire: () => void): Scheduled {
    const entry: Entry = { at: atMillis, fire };
    this.#due.add(entry);
    // What is not due before the timer's next look waits for it: ten thousand streams do not look through each other's times.
    if (this.#timer === undefined || atMillis < this.#armedFor) this.#arm(Math.min(atMillis, Date.now() + TICK_MILLIS));
    return {
      cancel: () => {
        this.#due.delete(entry);
        if (this.#due.size === 0) this.#disarm();
      },
    };
  }

  after(millis: number, fire: () => void): Scheduled {
    const timer = setTimeout(fire, millis);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  #arm(atMillis: number): void {
    this.#disarm();
    this.#armedFor = atMillis;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, atMillis - Date.now()));
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = undefined;
    const now = Date.now();
    for (const entry of [...this.#due]) {
      if (entry.at > now) continue;
      this.#due.delete(entry);
      entry.fire();
    }
    if (this.#due.size === 0) return;
    let soonest = Date.now() + TICK_MILLIS;
    for (const entry of this.#due) soonest = Math.min(soonest, entry.at);
    this.#arm(soonest);
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

export const systemClock: Clock = new SystemClock();

/** A clock for tests: stands still until it is advanced; due callbacks run inside `advance`, in order of their due time. */
export class ManualClock implements Clock {
  #now: number;
  #monotonic = 0;
  readonly #due = new Set<Due>();

  constructor(startMillis: number = Date.UTC(2026, 0, 1)) {
    this.#now = startMillis;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  at(atMillis: number, fire: () => void): Scheduled {
    return this.#add({ left: () => atMillis - this.#now, fire });
  }

  after(millis: number, fire: () => void): Scheduled {
    const at = this.#monotonic + millis;
    return this.#add({ left: () => at - this.#monotonic, fire });
  }

  /** Moves both times forward and runs what became due. */
  advance(millis: number): void {
    const end = this.#monotonic + millis;
    for (;;) {
      const [next] = [...this.#due].sort((a, b) => a.left() - b.left());
      const left = Math.max(0, next?.left() ?? 0);
      if (next === undefined || this.#monotonic + left > end) break;
      this.#due.delete(next);
      this.#pass(left);
      next.fire();
    }
    this.#pass(end - this.#monotonic);
  }

  /** Moves wall time alone, as a laptop's sleep or an operator does. */
  jump(millis: number): void {
    this.#now += millis;
  }

  #add(due: Due): Scheduled {
    this.#due.add(due);
    return { cancel: () => this.#due.delete(due) };
  }

  #pass(millis: number): void {
    this.#now += millis;
    this.#monotonic += millis;
  }
}

interface Due {
  /** Milliseconds from now; what is overdue has none. */
  readonly left: () => number;
  readonly fire: () => void;
}
