import type { Txn } from './txn.ts';

/** Who stands behind one request: the user and the workload, side by side. One is never turned into the other. */
export interface RequestAuthority {
  /** The user, where a verified token names one. */
  readonly user?: UserAuthority;
  /** The calling workload, proven by its X509-SVID. SPIFFE ID. */
  readonly workload: string;
  /** OAuth client id, where the caller authenticated as one. */
  readonly client?: string;
  /** The tenant that the request acts in: that of the user's token, else the workload's trust domain. */
  readonly tenant: string;
  readonly txn: Txn;
}

export interface UserAuthority {
  /** User SPIFFE ID, such as `spiffe://bank-a/user/12345`. */
  readonly spiffeId: string;
  readonly scope: readonly string[];
  readonly roles: readonly string[];
  /** Session that the token was minted for; a hash, never the cookie. */
  readonly sessionId?: string;
}
