import type { Clock } from '#kernel';
import type { AgentRecord } from '#registry';
import { Turns } from '#rpc';
import type { AppliedBy } from '#wire/gen/hauberk_sync';
import { SharedUpdates } from './shared-updates.ts';

/** An open push stream: whose it is, and what its agent says it has applied. */
export interface OpenStream {
  readonly agent: AgentRecord;
  readonly acknowledged: bigint;
  /** Unix milliseconds: when it was acknowledged, or when the stream was opened. */
  readonly at: number;
  /** Enforcement points behind the agent, by identity, with what all of each have applied. */
  readonly points: readonly AppliedBy[];
}

/** So many agents are sent to in one turn of the event loop: the first of a thousand have their SVIDs issued before the last have heard. */
const SENT_PER_TURN = 16;

/** The server's end of one push stream. */
export interface AgentStream {
  /** There may be something to send: `send` is called once, when it is this agent's turn. */
  stir(): void;
  /** The newest revision counts, in whatever order they come. */
  acknowledge(revision: bigint): void;
  close(): void;
}

/** Push streams that are open at this server, with the revision that each agent has acknowledged. */
export class Streams {
  readonly #clock: Clock;
  readonly #open = new Map<symbol, OpenStream>();
  readonly #turns = new Turns(SENT_PER_TURN);
  /** What several of them are sent alike. */
  readonly updates = new SharedUpdates();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(agent: AgentRecord, send: () => void): AgentStream {
    const key = Symbol();
    let isStirred = false;
    const turn = (): void => {
      isStirred = false;
      if (this.#open.has(key)) send();
    };
    this.#open.set(key, { agent, acknowledged: 0n, at: this.#clock.now(), points: [] });
    return {
      stir: () => {
        if (!isStirred) this.#turns.push(turn);
        isStirred = true;
      },
      acknowledge: (revision) => {
        const present = this.#open.get(key);
        if (present !== undefined && revision > present.acknowledged)
          this.#open.set(key, { ...present, acknowledged: revision, at: this.#clock.now() });
      },
      close: () => void this.#open.delete(key),
    };
  }

  /** What an agent says of the enforcement points behind it; forgotten with its stream. */
  tell(agentId: string, points: readonly AppliedBy[]): void {
    for (const [key, open] of this.#open) if (open.agent.id === agentId) this.#open.set(key, { ...open, points });
  }

  of(trustDomain: string): readonly OpenStream[] {
    return [...this.#open.values()].filter(({ agent }) => agent.trustDomain === trustDomain);
  }
}
