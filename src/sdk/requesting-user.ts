import type { IncomingHttpHeaders } from 'node:http';
import type { VerifiedToken } from '#jwt';
import { Fault } from '#kernel';
import type { KeptTokens } from './kept-tokens.ts';
import type { ServedService, ServeOptions } from './serve-options.ts';
import { assertUserStands, verifyUserToken } from './user-token.ts';

/** The user's tokens of one request, as verified. */
export interface RequestingUser {
  /** Who the user is: the Txn-Token alone says so, for it names this transaction. */
  readonly txnToken?: VerifiedToken;
  /** Whether `Authorization` held an internal JWT for this service. It makes nobody a user here; a handler may read it. */
  readonly internalJwt?: VerifiedToken;
}

/**
 * A Txn-Token, and an internal JWT as bearer, each verified for this trust domain, and the internal JWT for this service too (`allowed_services`).
 * A bearer that is none of ours is refused. Throws `TOKEN_…` or `MINTER_UNKNOWN`.
 */
export async function verifyRequestingUser(
  options: ServeOptions & { readonly internalJwts: KeptTokens },
  headers: IncomingHttpHeaders,
  audience: string,
): Promise<RequestingUser> {
  const { enforcement, clock } = options;
  const carried = headers['txn-token'];
  if (Array.isArray(carried)) throw new Fault('TOKEN_DUPLICATED', 'the request carries more than one token');
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const question = { audience, clock };
  const txnToken =
    carried === undefined
      ? undefined
      : await verifyUserToken({ ...question, token: carried, kind: 'txn-token' }, enforcement);
  const internalJwt =
    bearer === undefined
      ? undefined
      : await options.internalJwts.verify({ ...question, token: bearer, kind: 'internal-jwt' }, enforcement);
  if (internalJwt !== undefined) {
    assertUserStands(internalJwt, audience, enforcement);
    assertServiceAllowed(internalJwt, options.self());
    if (txnToken !== undefined && !txnToken.user.equals(internalJwt.user))
      throw new Fault('TOKEN_CLAIM_INVALID', 'the tokens of the request are of two users');
  }
  return { ...(txnToken === undefined ? {} : { txnToken }), ...(internalJwt === undefined ? {} : { internalJwt }) };
}

/** `allowed_services` names services by name, or by `<name>.<namespace>`. Absent, it limits nothing; empty, it allows none. */
export function assertServiceAllowed({ allowedServices }: VerifiedToken, { name, namespace }: ServedService): void {
  if (allowedServices === undefined || allowedServices.includes(name)) return;
  if (!allowedServices.includes(`${name}.${namespace}`))
    throw new Fault('TOKEN_SERVICE_NOT_ALLOWED', 'the token does not allow this service');
}
