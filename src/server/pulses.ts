import type { Clock, Closeable, Scheduled } from '#kernel';
import type { Pulse } from '#wire/gen/hauberk_sync';
import type { Health, Issuing } from './health.ts';

const PULSE_MILLIS = 2000;

/** The pulse of one push stream: due at once, then every two seconds, and whenever health has changed. */
export class Pulses implements Closeable {
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #hosted: Issuing;
  readonly #wake: () => void;
  readonly #stopListening: () => void;
  #timer: Scheduled | undefined;
  #due = true;

  constructor(clock: Clock, health: Health, hosted: Issuing, wake: () => void) {
    this.#clock = clock;
    this.#health = health;
    this.#hosted = hosted;
    this.#wake = wake;
    this.#stopListening = health.onChange(() => this.#stir());
  }

  /** The pulse that is due, if one is. */
  next(): Pulse | undefined {
    if (!this.#due) return undefined;
    this.#due = false;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(PULSE_MILLIS, () => this.#stir());
    const trouble = this.#health.troubleOf(this.#hosted);
    return {
      canIssue: trouble === undefined,
      code: trouble?.code ?? '',
      message: trouble?.message ?? '',
      now: BigInt(this.#clock.now()),
    };
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#stopListening();
  }

  #stir(): void {
    this.#due = true;
    this.#wake();
  }
}
