import { toFault } from '#kernel';
import { Cancellation } from './send.ts';
import type { Session } from './sessions.ts';

/** Requests that were forwarded for signed-in users and whose answers are not complete. */
export class UnderWay {
  readonly #all = new Map<Cancellation, Session>();

  async run(session: Session | undefined, work: (cancellation: Cancellation) => Promise<void>): Promise<void> {
    const cancellation = new Cancellation();
    if (session !== undefined) this.#all.set(cancellation, session);
    try {
      await work(cancellation);
    } finally {
      this.#all.delete(cancellation);
    }
  }

  /** `judge` throws for a session that would not be let in now: what runs for it is denied, or cut where its answer has begun. */
  recheck(judge: (session: Session) => void): void {
    for (const [cancellation, session] of [...this.#all]) {
      try {
        judge(session);
      } catch (error) {
        cancellation.cancel(toFault(error));
      }
    }
  }
}
