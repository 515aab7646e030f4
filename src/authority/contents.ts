import type { AppendedAuthority } from './appended.ts';
import type { JournalAnchor } from './journal-record.ts';
import type { Slot } from './slot.ts';

/** Every authority that is in the bundle of a trust domain, or is remembered: own ones, an upstream's, and others'. */
export interface Contents {
  readonly slots: readonly Slot[];
  readonly upstream: readonly JournalAnchor[];
  readonly appended: readonly AppendedAuthority[];
}

export const NO_CONTENTS: Contents = { slots: [], upstream: [], appended: [] };

export function isSameContents(one: Contents, other: Contents): boolean {
  return (
    isSameList(one.slots, other.slots) &&
    isSameList(one.upstream, other.upstream) &&
    isSameList(one.appended, other.appended)
  );
}

/** What has expired leaves; an appended key whose end is not known stays. */
export function unexpired({ slots, upstream, appended }: Contents, now: number): Contents {
  const isLive = ({ notAfter = Infinity }: { readonly notAfter?: number }): boolean => notAfter > now;
  return { slots: slots.filter(isLive), upstream: upstream.filter(isLive), appended: appended.filter(isLive) };
}

function isSameList<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
