import { publicJwk } from '#jws';
import { type Clock, Fault, LIMITS, type Random } from '#kernel';
import { verifyWitSvid } from '#spiffe';
import type { BundleResource, EntryResource } from '#wire';
import { type Issued, IssuedCache } from './issued-cache.ts';
import { newKey, spkiOf } from './key.ts';
import { rotateAt } from './rotation.ts';
import { judgeKid, witBundleOf } from './token-bundles.ts';

export interface WitSvidsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly bundle: () => BundleResource;
  /** Asks the server for a token that is bound to a public key. */
  readonly issue: (entryId: string, publicKey: Buffer, algorithm: string) => Promise<{ token: string }>;
}

export interface HeldWitSvid extends Issued {
  readonly token: string;
  readonly kid: string;
  /** The holder's private key, a JWK with its `alg`. */
  readonly keyJwk: string;
}

const ALGORITHM = 'ES256';

/** WIT-SVIDs of the workloads, one an entry, each bound to a key that is made here. */
export class WitSvids {
  readonly #options: WitSvidsOptions;
  readonly #cache: IssuedCache<HeldWitSvid>;

  constructor(options: WitSvidsOptions) {
    this.#options = options;
    this.#cache = new IssuedCache({ clock: options.clock, limit: LIMITS.agentX509Svids.value });
  }

  get size(): number {
    return this.#cache.size;
  }

  get(entry: EntryResource): HeldWitSvid | Promise<HeldWitSvid> {
    const judge = ({ kid }: HeldWitSvid) => judgeKid(this.#options.bundle().witAuthorities, kid);
    return this.#cache.get({ entry, variant: '', issue: () => this.#issue(entry), judge });
  }

  keep(isLive: (entryId: string) => boolean): void {
    this.#cache.keep(isLive);
  }

  async #issue(entry: EntryResource): Promise<HeldWitSvid> {
    const { clock, random, bundle, issue } = this.#options;
    const privateKey = newKey();
    const { token } = await issue(entry.id, spkiOf(privateKey), ALGORITHM);
    const now = clock.now();
    const current = bundle();
    const bundles = new Map([[current.trustDomain, witBundleOf(current)]]);
    const { id, kid, expiresAt, confirmation } = verifyWitSvid({ token, bundles, at: now });
    const own = JSON.stringify(publicJwk(privateKey)) === JSON.stringify(publicJwk(confirmation.key.key));
    if (`${id}` !== entry.spiffeId || !own || confirmation.algorithm !== ALGORITHM)
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued something else');
    const keyJwk = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), alg: ALGORITHM });
    const notAfter = expiresAt * 1000;
    const renewAt = rotateAt(now, notAfter, random);
    // A WIT-SVID says no beginning that anybody judges.
    return { spiffeId: entry.spiffeId, token, kid, keyJwk, renewAt, notBefore: 0, notAfter };
  }
}
