import { type Clock, Fault, LIMITS } from '#kernel';
import { type JwtBundleSet, type VerifiedJwtSvid, verifyJwtSvid } from '#spiffe';

interface Known {
  readonly verified: VerifiedJwtSvid;
  /** The key that verified it, as it stood in its bundle. */
  readonly key: unknown;
  readonly at: number;
}

/**
 * Verifies JWT-SVIDs. A token that was verified is known again by all of its bytes, as long as the bundles still hold the very key that
 * verified it; audience and dates are judged every time.
 */
export class TokenVerifier {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws what `verifyJwtSvid` throws. */
  verify(token: string, audience: string, bundles: JwtBundleSet): VerifiedJwtSvid {
    const at = this.#clock.now();
    const known = this.#known.get(token);
    if (known !== undefined && this.#stands(known, bundles, at)) {
      if (!known.verified.audience.includes(audience))
        throw new Fault('TOKEN_AUDIENCE_MISMATCH', 'the token is not meant for this audience');
      return known.verified;
    }
    this.#known.delete(token);
    const verified = verifyJwtSvid({ token, audience, bundles, at });
    this.#remember(token, { verified, key: keyOf(verified, bundles), at });
    return verified;
  }

  #stands({ verified, key, at: then }: Known, bundles: JwtBundleSet, at: number): boolean {
    // A clock that was set back could make a token one of the future: then it is looked at anew.
    return then <= at && at < verified.expiresAt * 1000 && keyOf(verified, bundles) === key;
  }

  #remember(token: string, known: Known): void {
    if (this.#known.size >= LIMITS.agentVerifiedTokens.value) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(token, known);
  }
}

function keyOf({ id, kid }: VerifiedJwtSvid, bundles: JwtBundleSet): unknown {
  return bundles.get(id.trustDomain)?.authorities.get(kid);
}
