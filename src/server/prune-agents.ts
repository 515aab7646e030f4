import { type Clock, type Closeable, type Log, type Scheduled, within } from '#kernel';
import type { State } from './state.ts';

export interface PruneOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  /** Agents whose certificate expired longer ago than this are forgotten. 0: none ever is. */
  readonly expiredForSeconds: number;
}

const EVERY_MILLIS = 3_600_000;

/** Forgets agents that have been gone for long, once an hour: they would have to attest again anyway. A ban is never forgotten. */
export class AgentPruning implements Closeable {
  readonly #options: PruneOptions;
  #timer: Scheduled | undefined;

  constructor(options: PruneOptions) {
    this.#options = options;
    if (options.expiredForSeconds > 0) this.#schedule();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
  }

  async #prune(): Promise<void> {
    const { state, clock, expiredForSeconds } = this.#options;
    const before = clock.now() - expiredForSeconds * 1000;
    for (const { name } of state.hosted())
      await state.registry.pruneAgents(name, before, { unattestable: true }, (ids) =>
        state.recorder.pending(
          ...ids.map((id) => ({
            kind: 'agent' as const,
            trustDomain: name,
            effect: 'allow' as const,
            code: 'ALLOWED' as const,
            action: 'prune',
            proof: 'expiry',
            detail: { id },
          })),
        ),
      );
  }

  #schedule(): void {
    const { clock, log } = this.#options;
    this.#timer = within(clock, EVERY_MILLIS, () => {
      this.#prune().catch((error) => log.warn('agents not pruned', { error }));
      this.#schedule();
    });
  }
}
