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
  /** A newer stream of the agent has taken its place. */
  readonly isOver: boolean;
  /** There may be something to send: `send` is called once, when it is this agent's turn. */
  stir(): void;
  /** The newest revision counts, in whatever order they come. */
  acknowledge(revision: bigint): void;
  close(): void;
}

/** Push streams that are open at this server, one an agent, with the revision that each has acknowledged. */
export class Streams {
  readonly #clock: Clock;
  readonly #open = new Map<string, { readonly key: symbol; readonly stream: OpenStream; readonly send: () => void }>();
  readonly #turns = new Turns(SENT_PER_TURN);
  /** What several of them are sent alike. */
  readonly updates = new SharedUpdates();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The newest stream of an agent counts; the one before it is over, and told so by `send`: an agent cannot pile up views and rows. */
  open(agent: AgentRecord, send: () => void): AgentStream {
    const key = Symbol();
    let isStirred = false;
    const own = (): OpenStream | undefined => {
      const open = this.#open.get(agent.id);
      return open?.key === key ? open.stream : undefined;
    };
    const turn = (): void => {
      isStirred = false;
      if (own() !== undefined) send();
    };
    const before = this.#open.get(agent.id);
    this.#open.set(agent.id, { key, stream: { agent, acknowledged: 0n, at: this.#clock.now(), points: [] }, send });
    before?.send();
    return {
      get isOver() {
        return own() === undefined;
      },
      stir: () => {
        if (!isStirred) this.#turns.push(turn);
        isStirred = true;
      },
      acknowledge: (revision) => {
        const present = own();
        if (present === undefined || revision <= present.acknowledged) return;
        const stream = { ...present, acknowledged: revision, at: this.#clock.now() };
        this.#open.set(agent.id, { key, stream, send });
      },
      close: () => {
        if (own() !== undefined) this.#open.delete(agent.id);
      },
    };
  }

  /** What an agent says of the enforcement points behind it; forgotten with its stream. */
  tell(agentId: string, points: readonly AppliedBy[]): void {
    const open = this.#open.get(agentId);
    if (open !== undefined) this.#open.set(agentId, { ...open, stream: { ...open.stream, points } });
  }

  of(trustDomain: string): readonly OpenStream[] {
    return [...this.#open.values()]
      .map(({ stream }) => stream)
      .filter(({ agent }) => agent.trustDomain === trustDomain);
  }
}
