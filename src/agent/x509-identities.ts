import { Fault } from '#kernel';
import { type Entitlement, expiryOf } from './node.ts';
import type { HeldSvid } from './workload-svids.ts';

/** An identity of a caller with its X509-SVID. */
export interface X509Identity extends Entitlement, HeldSvid {}

export interface X509Identities {
  /** The default identity first. */
  readonly identities: readonly [X509Identity, ...X509Identity[]];
  /** When to ask again, though nothing has changed. */
  readonly renewAt: number;
}

const RETRY_MILLIS = 1000;

/** X509-SVIDs of all the caller's identities; one that cannot be issued does not hold back the others. Throws when none can. */
export async function x509Identities(entitled: readonly Entitlement[], now: number): Promise<X509Identities> {
  const results = await Promise.allSettled(
    entitled.map(async (one): Promise<X509Identity> => ({ ...one, ...(await one.membership.svid(one.entry)) })),
  );
  const [first, ...others] = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (first === undefined)
    throw failed?.reason ?? new Fault('IDENTITY_UNAVAILABLE', 'no identity can be issued at the moment');
  const identities = [first, ...others] as const;
  const retryAt = failed === undefined ? [] : [now + RETRY_MILLIS];
  return {
    identities,
    renewAt: Math.min(...identities.map(({ renewAt, entry }) => Math.min(renewAt, expiryOf(entry))), ...retryAt),
  };
}
