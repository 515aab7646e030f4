import { Fault } from '#kernel';
import { type VerifiedJwtSvid, verifyJwtSvid } from './jwt-svid.ts';
import type { JwtBundleSet } from './token-bundle.ts';

export interface JwtSvidRequest {
  /** Values of `Authorization` (HTTP) or of the metadata `authorization` (gRPC), in order. */
  readonly authorization: readonly string[];
  readonly audience: string;
  readonly bundles: JwtBundleSet;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * The caller of a request that brings a JWT-SVID as `Bearer` (JWT-SVID §6.1; RFC 6750 §2.1), undefined when it brings none. Throws
 * `TOKEN_DUPLICATED` for more than one credential, `TOKEN_MALFORMED` for another scheme, or what `verifyJwtSvid` throws.
 */
export function verifyJwtSvidRequest(request: JwtSvidRequest): VerifiedJwtSvid | undefined {
  const { authorization, audience, bundles, at } = request;
  const [value, second] = authorization;
  if (value === undefined) return undefined;
  if (second !== undefined) throw new Fault('TOKEN_DUPLICATED', 'the request carries more than one credential');
  const token = /^Bearer +([^ ]+)$/i.exec(value)?.[1];
  if (token === undefined) throw new Fault('TOKEN_MALFORMED', 'the request carries no bearer token');
  return verifyJwtSvid({ token, audience, bundles, at });
}
