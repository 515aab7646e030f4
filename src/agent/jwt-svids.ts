import { type Clock, Fault, LIMITS } from '#kernel';
import { JWT_SVID_LEEWAY_SECONDS, verifyJwtSvid } from '#spiffe';
import type { BundleResource, EntryResource } from '#wire';
import { type Issued, IssuedCache } from './issued-cache.ts';
import { judgeKid, jwtBundleOf } from './token-bundles.ts';

export interface JwtSvidsOptions {
  readonly clock: Clock;
  readonly bundle: () => BundleResource;
  /** Asks the server for a token. */
  readonly issue: (entryId: string, audience: readonly string[]) => Promise<{ token: string; issuedAt: number }>;
}

export interface HeldJwtSvid extends Issued {
  readonly token: string;
  readonly kid: string;
  /** Unix seconds. */
  readonly issuedAt: number;
}

/** JWT-SVIDs of the workloads, by entry and set of audiences, until half their life. Those with a `jti` are never given twice. */
export class JwtSvids {
  readonly #options: JwtSvidsOptions;
  readonly #cache: IssuedCache<HeldJwtSvid>;

  constructor(options: JwtSvidsOptions) {
    this.#options = options;
    this.#cache = new IssuedCache({ clock: options.clock, limit: LIMITS.agentJwtSvids.value });
  }

  get size(): number {
    return this.#cache.size;
  }

  get(entry: EntryResource, audience: readonly string[]): HeldJwtSvid | Promise<HeldJwtSvid> {
    const issue = () => this.#issue(entry, audience);
    if (entry.jwtSvidJti === true) return issue();
    const variant = audience.length === 1 ? JSON.stringify(audience) : JSON.stringify([...new Set(audience)].sort());
    const judge = ({ kid }: HeldJwtSvid) => judgeKid(this.#options.bundle().jwtAuthorities, kid);
    return this.#cache.get({ entry, variant, issue, judge });
  }

  keep(isLive: (entryId: string) => boolean): void {
    this.#cache.keep(isLive);
  }

  /** What the server issued is verified as its receiver will. */
  async #issue(entry: EntryResource, wanted: readonly string[]): Promise<HeldJwtSvid> {
    const { clock, bundle, issue } = this.#options;
    const { token, issuedAt } = await issue(entry.id, wanted);
    const current = bundle();
    const bundles = new Map([[current.trustDomain, jwtBundleOf(current)]]);
    const { id, kid, audience, expiresAt } = verifyJwtSvid({
      token,
      audience: wanted[0] ?? '',
      bundles,
      at: clock.now(),
    });
    if (`${id}` !== entry.spiffeId || !wanted.every((one) => audience.includes(one)))
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued something else');
    const renewAt = ((issuedAt + expiresAt) / 2) * 1000;
    const notBefore = (issuedAt - JWT_SVID_LEEWAY_SECONDS) * 1000;
    return { spiffeId: entry.spiffeId, token, kid, issuedAt, renewAt, notBefore, notAfter: expiresAt * 1000 };
  }
}
