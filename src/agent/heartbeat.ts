import { isReasonCode } from '#chain';
import { type Clock, Fault, type Scheduled } from '#kernel';
import type { Pulse } from '#wire/gen/hauberk_sync';

/** Four pulses of a server that is well. */
const SILENT_MILLIS = 8000;
/** For what was sent while this process stood still, and is not read yet. */
const GRACE_MILLIS = 4000;
const LATE_MILLIS = 1000;
/** What relying parties allow for clocks that disagree. */
const SKEW_MILLIS = 60_000;

/**
 * What the pulse of one push stream says: whether the server can issue, and that it is there at all. A server that has had a pulse and then
 * says nothing for eight seconds is gone, though its connection stands (cut without a word, or stopped). One that never had a pulse is older.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #silent: () => void;
  #trouble: Fault | undefined;
  #skewMillis = 0;
  #heardAt = 0;
  #timer: Scheduled | undefined;

  constructor(clock: Clock, silent: () => void) {
    this.#clock = clock;
    this.#silent = silent;
  }

  /** Why the server cannot issue, or what it issues would not hold here; undefined while all is well. */
  get trouble(): Fault | undefined {
    return this.#trouble;
  }

  /** How far the server's clock is ahead. */
  get skewMillis(): number {
    return this.#skewMillis;
  }

  /** Anything has been heard. True when that changed the trouble. */
  hear(pulse: Pulse | undefined): boolean {
    this.#heardAt = this.#clock.monotonic();
    if (pulse === undefined) return false;
    if (this.#timer === undefined) this.#watch(SILENT_MILLIS);
    const before = this.#trouble?.code;
    this.#skewMillis = Number(pulse.now) - this.#clock.now();
    this.#trouble = this.#judge(pulse);
    return this.#trouble?.code !== before;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #judge({ canIssue, code, message }: Pulse): Fault | undefined {
    if (!canIssue) return new Fault(isReasonCode(code) ? code : 'IDENTITY_UNAVAILABLE', `the server says: ${message}`);
    if (Math.abs(this.#skewMillis) <= SKEW_MILLIS) return undefined;
    const apart = Math.round(Math.abs(this.#skewMillis) / 1000);
    return new Fault('CLOCK_SKEWED', `the clocks of agent and server are ${apart} s apart`);
  }

  #watch(millis: number): void {
    const due = this.#clock.monotonic() + millis;
    this.#timer = this.#clock.after(millis, () => {
      const now = this.#clock.monotonic();
      const left = this.#heardAt + SILENT_MILLIS - now;
      if (left > 0) this.#watch(left);
      // Who stood still itself does not blame the other side.
      else if (now - due > LATE_MILLIS) this.#watch(GRACE_MILLIS);
      else this.#silent();
    });
  }
}
