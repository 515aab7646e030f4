import { type TokenQuestion, type VerifiedToken, verifyToken } from '#jwt';
import { LIMITS, unixSeconds } from '#kernel';
import type { MinterResource } from '#wire';
import type { Enforcement } from './enforcement.ts';

interface Kept {
  readonly verified: VerifiedToken;
  readonly minter: MinterResource;
}

/**
 * Verified tokens that come again with every request of a session: their signature is verified once. Kept by the whole token, for one kind and audience;
 * used only while the very registration that verified it stands and neither it nor the token has ended. Revocation is judged by the caller, each time.
 */
export class KeptTokens {
  readonly #kept = new Map<string, Kept>();
  readonly #verify: typeof verifyToken;

  constructor(verify: typeof verifyToken = verifyToken) {
    this.#verify = verify;
  }

  /** Throws `TOKEN_…` or `MINTER_UNKNOWN`. */
  async verify(
    question: Omit<TokenQuestion, 'minters'>,
    enforced: Pick<Enforcement, 'minter'>,
  ): Promise<VerifiedToken> {
    const { token, kind, audience, clock } = question;
    const key = `${kind} ${audience} ${token}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      const now = unixSeconds(clock);
      const stands = enforced.minter(audience, kept.minter.kid) === kept.minter;
      if (stands && now < kept.verified.expiresAt && now < kept.minter.notAfter) return kept.verified;
      this.#kept.delete(key);
    }
    let minter: MinterResource | undefined;
    const minters = (kid: string): MinterResource | undefined => {
      minter = enforced.minter(audience, kid);
      return minter;
    };
    const verified = await this.#verify({ ...question, minters });
    if (minter !== undefined) this.#keep(key, { verified, minter });
    return verified;
  }

  /** The oldest gives way. */
  #keep(key: string, kept: Kept): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= LIMITS.verifiedTokens.value && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, kept);
  }
}
