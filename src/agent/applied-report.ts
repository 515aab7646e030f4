import { type Clock, LIMITS, type Scheduled } from '#kernel';
import type { AppliedBy } from '#wire/gen/hauberk_sync';
import type { Point } from './point.ts';

const BATCH_MILLIS = 100;

export interface AppliedReportOptions {
  readonly clock: Clock;
  readonly send: (applied: readonly AppliedBy[]) => Promise<unknown>;
}

/** Tells the server what the enforcement points of this node have applied, a few times a second at the most, and only when it has changed. */
export class AppliedReport {
  readonly #options: AppliedReportOptions;
  #ask: () => readonly AppliedBy[] = () => [];
  #told = NOTHING;
  #timer: Scheduled | undefined;
  #stopped = false;

  constructor(options: AppliedReportOptions) {
    this.#options = options;
  }

  /** `ask` is called when it is time to tell: thousands of points may have changed by then. */
  changed(ask: () => readonly AppliedBy[]): void {
    this.#ask = ask;
    this.#soon();
  }

  /** The stream has been opened anew, maybe to another server: nothing is known there. */
  again(): void {
    this.#told = NOTHING;
    this.#soon();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #soon(): void {
    if (!this.#stopped) this.#timer ??= this.#options.clock.after(BATCH_MILLIS, () => void this.#tell());
  }

  async #tell(): Promise<void> {
    this.#timer = undefined;
    const applied = this.#ask();
    const text = textOf(applied);
    if (text === this.#told) return;
    const before = this.#told;
    this.#told = text;
    try {
      await this.#options.send(applied);
    } catch {
      // A server that is away is told when it is back; one of an older version does not ask.
      if (this.#told === text) this.#told = before;
    }
  }
}

const NOTHING = '';

function textOf(applied: readonly AppliedBy[]): string {
  return applied.map(({ spiffeId, points, revision }) => `${spiffeId} ${points} ${revision}`).join('\n');
}

/** Enforcement points of one trust domain by who they are: how many, and the revision that all of them have applied. */
export function appliedIn(trustDomain: string, points: Iterable<Point>): readonly AppliedBy[] {
  const found = new Map<string, AppliedBy>();
  for (const { caller, followed } of points) {
    const revision = followed.get(trustDomain);
    const spiffeId = caller[0];
    if (revision === undefined || spiffeId === undefined) continue;
    const before = found.get(spiffeId);
    found.set(spiffeId, {
      spiffeId,
      points: (before?.points ?? 0) + 1,
      revision: before === undefined || revision < before.revision ? revision : before.revision,
    });
  }
  return [...found.values()].sort((a, b) => (a.spiffeId < b.spiffeId ? -1 : 1)).slice(0, LIMITS.appliedPoints.value);
}
