import { Fault } from '#kernel';
import type { VerifiedX509Svid } from '#spiffe';
import type { ServeOptions } from './serve-options.ts';

/** The peer of one connection. Judged again when bundles have changed: an authority that was taken away, or a revocation, ends open connections too. */
export class Peer {
  readonly #options: Pick<ServeOptions, 'identity' | 'enforcement' | 'clock'>;
  readonly #chain: readonly Buffer[];
  #generation: number;
  #verified: VerifiedX509Svid;

  /** Throws `PEER_…`. */
  constructor(options: Pick<ServeOptions, 'identity' | 'enforcement' | 'clock'>, chain: readonly Buffer[]) {
    this.#options = options;
    this.#chain = chain;
    this.#generation = options.identity.generation;
    this.#verified = options.identity.verify(chain, 'client');
    options.enforcement.assertPeer(this.#verified.id);
  }

  /** Throws `PEER_…` when the peer would no longer be let in. */
  verify(): VerifiedX509Svid {
    const { identity, enforcement, clock } = this.#options;
    if (this.#generation !== identity.generation) {
      this.#verified = identity.verify(this.#chain, 'client');
      this.#generation = identity.generation;
    }
    if (clock.now() >= this.#verified.notAfter)
      throw new Fault('PEER_CERTIFICATE_EXPIRED', 'the certificate of the connection has expired');
    enforcement.assertPeer(this.#verified.id);
    return this.#verified;
  }
}
