import type { EntryResource } from '#wire';
import type { Membership } from './membership.ts';

/** An identity that a caller is entitled to. */
export interface Entitlement {
  readonly membership: Membership;
  readonly entry: EntryResource;
}

/** When an entry ceases to exist, milliseconds. */
export function expiryOf({ expiresAt }: EntryResource): number {
  return expiresAt === undefined || expiresAt === 0 ? Number.POSITIVE_INFINITY : expiresAt * 1000;
}

/** When the first of the entries ceases to exist. */
export function firstExpiry(entitled: readonly Entitlement[]): number {
  return Math.min(...entitled.map(({ entry }) => expiryOf(entry)));
}
