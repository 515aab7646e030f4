import { constants } from 'node:os';
import { type Child, type ChildOptions, type Exit, spawnChild } from './child.ts';

export interface SupervisedOptions {
  readonly name: string;
  /** Called for every start: a restarted process may need another configuration. */
  readonly prepare: () => Promise<ChildOptions> | ChildOptions;
  /** Between start and run: registers the leader with the agent. */
  readonly beforeGo?: (child: Child) => Promise<void>;
  /** Resolves when the process serves; throws when it will not. */
  readonly ready: (child: Child) => Promise<void>;
  readonly afterReady?: (restarted: boolean) => Promise<void>;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

const FIRST_BACKOFF_MILLIS = 100;
const LONGEST_BACKOFF_MILLIS = 5000;
/** A process that ran for this long has not failed to start: its next backoff is the first again. */
const STEADY_MILLIS = 10_000;

/** A shell says 128 + n for a program that signal n ended. */
function describeExit(exit: Exit | undefined): string {
  const { status = null, signal = null } = exit ?? {};
  if (signal !== null) return signal;
  const named = Object.entries(constants.signals).find(([, number]) => status === 128 + number);
  return named?.[0] ?? `exit status ${status ?? 'unknown'}`;
}

/** One process that is started again whenever it ends, until it is closed. */
export class Supervised {
  readonly #options: SupervisedOptions;
  #child: Child | undefined;
  #closed = false;
  #backoff = FIRST_BACKOFF_MILLIS;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Pid of the session leader; undefined between two starts. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** First start: throws what went wrong instead of trying again. */
  async start(): Promise<void> {
    await this.#launch(false);
    this.#running = this.#supervise();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#child?.stop();
    await this.#running;
  }

  async #launch(restarted: boolean): Promise<void> {
    const child = await spawnChild(await this.#options.prepare());
    this.#child = child;
    try {
      await this.#options.beforeGo?.(child);
      child.go();
      await this.#options.ready(child);
      await this.#options.afterReady?.(restarted);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  async #supervise(): Promise<void> {
    while (!this.#closed) {
      const child = this.#child;
      const started = performance.now();
      const exit = await child?.exited;
      this.#child = undefined;
      if (this.#closed) return;
      if (performance.now() - started > STEADY_MILLIS) this.#backoff = FIRST_BACKOFF_MILLIS;
      const why = describeExit(exit);
      this.#options.say(`${this.name} ended (${why}); starting it again`);
      await this.#relaunch();
    }
  }

  async #relaunch(): Promise<void> {
    while (!this.#closed) {
      await this.#pause(this.#backoff);
      this.#backoff = Math.min(this.#backoff * 2, LONGEST_BACKOFF_MILLIS);
      if (this.#closed) return;
      try {
        await this.#launch(true);
        this.#options.say(`${this.name} is back`);
        return;
      } catch (error) {
        if (this.#closed) return;
        this.#options.say(`${this.name} did not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  #pause(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
