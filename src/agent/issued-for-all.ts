import { Fault } from '#kernel';
import type { Issued } from './issued-cache.ts';
import { type Entitlement, expiryOf } from './node.ts';

export interface IssuedForAll<T> {
  /** The default identity first. */
  readonly identities: readonly [T & Entitlement, ...(T & Entitlement)[]];
  /** When to ask again, though nothing has changed. */
  readonly renewAt: number;
}

const RETRY_MILLIS = 1000;

/** Asks for each of the caller's identities; one that cannot be issued does not hold back the others. Throws when none can. */
export async function issuedForAll<T extends Issued>(
  entitled: readonly Entitlement[],
  now: number,
  ask: (one: Entitlement) => Promise<T>,
): Promise<IssuedForAll<T>> {
  const results = await Promise.allSettled(entitled.map(async (one) => ({ ...one, ...(await ask(one)) })));
  const [first, ...others] = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (first === undefined)
    throw failed?.reason ?? new Fault('IDENTITY_UNAVAILABLE', 'no identity can be issued at the moment');
  const identities = [first, ...others] as const;
  const dues = identities.map(({ renewAt, entry }) => Math.min(renewAt, expiryOf(entry)));
  return { identities, renewAt: Math.min(...dues, ...(failed === undefined ? [] : [now + RETRY_MILLIS])) };
}
