import type { Clock } from '#kernel';
import type { AgentRecord } from '#registry';

/** An open push stream: whose it is, and what its agent says it has applied. */
export interface OpenStream {
  readonly agent: AgentRecord;
  readonly acknowledged: bigint;
  /** Unix milliseconds: when it was acknowledged, or when the stream was opened. */
  readonly at: number;
}

/** The server's end of one push stream. */
export interface AgentStream {
  /** The newest revision counts, in whatever order they come. */
  acknowledge(revision: bigint): void;
  close(): void;
}

/** Push streams that are open at this server, with the revision that each agent has acknowledged. */
export class Streams {
  readonly #clock: Clock;
  readonly #open = new Map<symbol, OpenStream>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(agent: AgentRecord): AgentStream {
    const key = Symbol();
    this.#open.set(key, { agent, acknowledged: 0n, at: this.#clock.now() });
    return {
      acknowledge: (revision) => {
        const present = this.#open.get(key);
        if (present !== undefined && revision > present.acknowledged)
          this.#open.set(key, { agent, acknowledged: revision, at: this.#clock.now() });
      },
      close: () => void this.#open.delete(key),
    };
  }

  of(trustDomain: string): readonly OpenStream[] {
    return [...this.#open.values()].filter(({ agent }) => agent.trustDomain === trustDomain);
  }
}
