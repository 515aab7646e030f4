import { Fault, LIMITS } from '#kernel';
import type { Peer, Quota } from './quota.ts';

/**
 * What a connection makes this process hold: calls that are open, messages that are not whole or not answered yet, answers that are not read.
 * The first bytes of each connection are free, so that a peer whose other connections hold all that it may is still heard; the rest is taken
 * from the peer's part of the listener's quota.
 */
export class HeldBytes {
  readonly #quota: Quota;
  readonly #peer: Peer;
  #held = 0;
  #taken = 0;

  constructor(quota: Quota, peer: Peer) {
    this.#quota = quota;
    this.#peer = peer;
  }

  /** Throws `LIMIT_EXCEEDED`, and holds nothing more then. */
  add(bytes: number): void {
    const beyond = Math.max(0, this.#held + bytes - LIMITS.connectionFreeBytes.value) - this.#taken;
    if (beyond > 0 && !this.#quota.take(this.#peer, beyond))
      throw new Fault('LIMIT_EXCEEDED', 'the calls of this peer hold too many bytes');
    if (beyond > 0) this.#taken += beyond;
    this.#held += bytes;
  }

  remove(bytes: number): void {
    this.#held -= bytes;
    const surplus = this.#taken - Math.max(0, this.#held - LIMITS.connectionFreeBytes.value);
    if (surplus <= 0) return;
    this.#taken -= surplus;
    this.#quota.give(this.#peer, surplus);
  }
}

/** What one call holds of its connection's; all of it goes back when the call ends. */
export class CallBytes {
  readonly #connection: HeldBytes;
  #held = 0;
  #ended = false;

  constructor(connection: HeldBytes) {
    this.#connection = connection;
  }

  /** Holds more, or less. Throws `LIMIT_EXCEEDED`. */
  hold(bytes: number): void {
    if (this.#ended || bytes === 0) return;
    if (bytes > 0) this.#connection.add(bytes);
    else this.#connection.remove(-bytes);
    this.#held += bytes;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.remove(this.#held);
  }
}
