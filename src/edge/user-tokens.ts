import { type Clock, type Random, randomBase64url, unixSeconds } from '#kernel';
import type { JwtDemand } from '#routing';
import type { EdgeWorkload } from './edge-workload.ts';
import type { Minter, Minters } from './minters.ts';
import type { CachedToken, Session } from './sessions.ts';

export interface UserTokensOptions {
  readonly minters: Minters;
  readonly workload: EdgeWorkload;
  readonly clock: Clock;
  readonly random: Random;
  readonly txnTokenSeconds: number;
  readonly internalJwtSeconds: number;
}

type Claims = Readonly<Record<string, unknown>>;

/** Mints for signed-in users: a Txn-Token for each transaction, and an internal JWT for each session and audience. */
export class UserTokens {
  readonly #options: UserTokensOptions;

  constructor(options: UserTokensOptions) {
    this.#options = options;
  }

  /** draft-ietf-oauth-transaction-tokens §5: `aud` is the trust domain, `req_wl` the edge. Nothing in it is a credential for anything else. */
  async txnToken(session: Session, txn: string, address: string): Promise<string> {
    const { minters, workload, txnTokenSeconds } = this.#options;
    const { user, sid } = session;
    const minter = await minters.current(user.tenant);
    return minters.sign(minter, 'txn-token', {
      ...this.#times(minter, txnTokenSeconds),
      iss: minter.issuer,
      aud: user.tenant,
      sub: user.spiffeId.toString(),
      txn,
      scope: user.scope.join(' '),
      req_wl: workload.svid().id.toString(),
      tctx: { tenant: user.tenant, roles: user.roles, sid },
      rctx: { req_ip: address },
    });
  }

  /** The internal JWT of a session for a route's audience, minted again when two thirds of its time are over or the key has changed. */
  async internalJwt(session: Session, demand: JwtDemand, origin: string): Promise<CachedToken> {
    const { minters, clock, internalJwtSeconds, random } = this.#options;
    const minter = await minters.current(session.user.tenant);
    const audience = demand.audience ?? session.user.tenant;
    const key = JSON.stringify([audience, origin]);
    const cached = session.tokens.get(key);
    if (cached !== undefined && cached.kid === minter.kid && isCurrent(cached, clock.now())) return cached;
    const times = this.#times(minter, internalJwtSeconds);
    const claims: Claims = {
      ...baseClaims(session),
      ...times,
      iss: minter.issuer,
      aud: audience,
      jti: randomBase64url(random, 16),
      context: { origin },
    };
    const token = await minters.sign(minter, 'internal-jwt', claims);
    const fresh: CachedToken = {
      token,
      kid: minter.kid,
      claims,
      mintedAt: clock.now(),
      renewAt: clock.now() + ((times.exp - times.iat) * 2000) / 3,
    };
    session.tokens.set(key, fresh);
    return fresh;
  }

  #times(minter: Minter, seconds: number): { readonly iat: number; readonly exp: number } {
    const iat = unixSeconds(this.#options.clock);
    return { iat, exp: iat + Math.min(seconds, minter.maxLifetimeSeconds) };
  }
}

/** A clock that was set back makes a token of the future, which no service takes. */
function isCurrent({ mintedAt, renewAt }: CachedToken, now: number): boolean {
  return mintedAt <= now && now < renewAt;
}

/** What is the same in every token of a session. */
export function baseClaims({ user, sid }: Session): Claims {
  return {
    sub: user.spiffeId.toString(),
    sid,
    ...(user.email === undefined ? {} : { email: user.email }),
    ...(user.name === undefined ? {} : { name: user.name }),
    roles: user.roles,
    permissions: user.permissions,
    scope: user.scope,
    tenant: user.tenant,
    ...(user.allowedServices === undefined ? {} : { allowed_services: user.allowedServices }),
  };
}
