/** A user's number, an address, or whatever else tells one peer from another. */
export type Peer = string | number;

export interface QuotaSize {
  readonly total: number;
  /** The most that one peer may have of it. */
  readonly ofOne: number;
}

/** Something that peers share, of which one of them must not be able to take all. */
export class Quota {
  readonly #size: QuotaSize;
  readonly #byPeer = new Map<Peer, number>();
  #taken = 0;

  constructor(size: QuotaSize) {
    this.#size = size;
  }

  /** False when there is no room; a true is to be given back. */
  take(peer: Peer, amount = 1): boolean {
    const ofPeer = (this.#byPeer.get(peer) ?? 0) + amount;
    if (this.#taken + amount > this.#size.total || ofPeer > this.#size.ofOne) return false;
    this.#taken += amount;
    this.#byPeer.set(peer, ofPeer);
    return true;
  }

  give(peer: Peer, amount = 1): void {
    const left = (this.#byPeer.get(peer) ?? 0) - amount;
    this.#taken -= amount;
    if (left > 0) this.#byPeer.set(peer, left);
    else this.#byPeer.delete(peer);
  }
}
