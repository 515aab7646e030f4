import type { Entitlement } from './entitlement.ts';
import { type Given, type IssuedForAll, issuedForAll } from './issued-for-all.ts';
import type { HeldSvid } from './workload-svids.ts';

/** An identity of a caller with its X509-SVID. */
export type X509Identity = Given<HeldSvid>;

/** X509-SVIDs of all the caller's identities. */
export function x509Identities(
  entitled: readonly Entitlement[],
  now: number,
): IssuedForAll<HeldSvid> | Promise<IssuedForAll<HeldSvid>> {
  return issuedForAll(entitled, now, ({ membership, entry }) => membership.svid(entry));
}
