import { Fault, LIMITS } from '#kernel';

/** Places of clients that are served: so many in all, and fewer for any one workload, so that none keeps the others out. */
export class Places {
  readonly #taken = new Map<string, number>();
  #all = 0;

  /** Takes one; hands back what gives it back. Throws `LIMIT_EXCEEDED`. */
  take(peer: string): () => void {
    const own = this.#taken.get(peer) ?? 0;
    if (this.#all >= LIMITS.databaseSessions.value || own >= LIMITS.databaseSessionsOfOne.value)
      throw new Fault('LIMIT_EXCEEDED', 'too many clients at once');
    this.#all += 1;
    this.#taken.set(peer, own + 1);
    return () => this.#leave(peer);
  }

  #leave(peer: string): void {
    this.#all -= 1;
    const own = (this.#taken.get(peer) ?? 1) - 1;
    if (own === 0) this.#taken.delete(peer);
    else this.#taken.set(peer, own);
  }
}
