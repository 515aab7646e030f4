import { Fault } from '#kernel';
import { wrongState } from './authority-state.ts';
import type { Contents } from './contents.ts';
import type { JournalAnchor } from './journal-record.ts';
import { upstreamAuthorityId } from './slot.ts';

/** What is known of an anchor stays: an upstream can bring anchors, and neither clear nor bring back one. */
export function withAnchors(
  known: readonly JournalAnchor[],
  found: readonly JournalAnchor[],
): readonly JournalAnchor[] {
  const added = found
    .filter(({ id }) => !known.some((one) => one.id === id))
    .map((one) => ({ ...one, tainted: false }));
  return [...known, ...added];
}

/** Throws `AUTHORITY_STATE_INVALID`, also for the root of the active CA, and `NOT_FOUND`. */
export function taintAnchor(contents: Contents, id: string): Pick<Contents, 'upstream'> {
  if (anchorOf(contents, id).tainted) throw wrongState('the authority is already tainted');
  return { upstream: contents.upstream.map((one) => (one.id === id ? { ...one, tainted: true } : one)) };
}

/** The CAs under the anchor go with it. Throws as `taintAnchor`, and for one that is not tainted. */
export function revokeAnchor(contents: Contents, id: string): Pick<Contents, 'slots' | 'upstream'> {
  if (!anchorOf(contents, id).tainted) throw wrongState('it is not possible to revoke an untainted authority');
  return {
    slots: contents.slots.filter((slot) => upstreamAuthorityId(slot.chain) !== id),
    upstream: contents.upstream.map((one) => (one.id === id ? { ...one, revoked: true } : one)),
  };
}

function anchorOf({ slots, upstream }: Contents, id: string): JournalAnchor {
  if (upstream.length === 0) throw wrongState('upstream authority is not configured');
  const anchor = upstream.find((one) => one.id === id && !one.revoked);
  if (anchor === undefined) throw new Fault('NOT_FOUND', 'no upstream authority of this subject key id');
  if (slots.some((slot) => slot.state === 'active' && upstreamAuthorityId(slot.chain) === id))
    throw wrongState('unable to use the upstream authority of the current authority');
  return anchor;
}
