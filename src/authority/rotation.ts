import { Fault } from '#kernel';
import { wrongState } from './authority-state.ts';
import type { Slot } from './slot.ts';

const DAY = 86_400_000;

/** Prepare at half-life (at most 30 days before the end), activate at five sixths (at most 7 days before the end). */
export function rotationTimes({ notBefore, notAfter }: Pick<Slot, 'notBefore' | 'notAfter'>): {
  readonly prepareAt: number;
  readonly activateAt: number;
} {
  const lifetime = notAfter - notBefore;
  return {
    prepareAt: notAfter - Math.min(lifetime / 2, 30 * DAY),
    activateAt: notAfter - Math.min(lifetime / 6, 7 * DAY),
  };
}

/**
 * What is due at `now` for the slots of one kind: the next step only, for each is published before the one after it. With `replacesFuture` a key
 * whose time has not come (the clock was set back behind its making) counts as none: it can sign nothing that is valid now.
 */
export function dueStep(
  slots: readonly Slot[],
  now: number,
  replacesFuture = false,
): 'prepare' | 'activate' | undefined {
  const counts = ({ notBefore }: Slot): boolean => !replacesFuture || notBefore <= now;
  const active = slots.find((slot) => slot.state === 'active' && counts(slot));
  const prepared = slots.some((slot) => slot.state === 'prepared' && counts(slot));
  const times = active === undefined ? undefined : rotationTimes(active);
  if (!prepared) return times === undefined || now >= times.prepareAt ? 'prepare' : undefined;
  return times === undefined || now >= times.activateAt ? 'activate' : undefined;
}

/** When something is due next for the slots of one kind; undefined when that is now. */
export function nextDue(slots: readonly Slot[]): number | undefined {
  const active = slots.find(({ state }) => state === 'active');
  if (active === undefined) return undefined;
  const { prepareAt, activateAt } = rotationTimes(active);
  const step = slots.some(({ state }) => state === 'prepared') ? activateAt : prepareAt;
  return Math.min(step, ...slots.map(({ notAfter }) => notAfter));
}

/** The prepared slot becomes active, the active one old. Throws `AUTHORITY_STATE_INVALID` or `NOT_FOUND`. */
export function activated(slots: readonly Slot[], id: string): readonly Slot[] {
  const chosen = slotOf(slots, id);
  if (chosen.state !== 'prepared') throw wrongState('only Prepared authorities can be activated');
  return slots.map((slot) => {
    if (slot === chosen) return { ...slot, state: 'active' as const };
    return slot.kind === chosen.kind && slot.state === 'active' ? { ...slot, state: 'old' as const } : slot;
  });
}

/** Everything that an old slot signed is to be replaced. Throws `AUTHORITY_STATE_INVALID` or `NOT_FOUND`. */
export function tainted(slots: readonly Slot[], id: string): readonly Slot[] {
  const chosen = slotOf(slots, id);
  if (chosen.state === 'active') throw wrongState('unable to taint current local authority');
  if (chosen.state !== 'old') throw wrongState('only Old local authorities can be tainted');
  if (chosen.tainted) throw wrongState('the authority is already tainted');
  return slots.map((slot) => (slot === chosen ? { ...slot, tainted: true } : slot));
}

/** An old slot that was tainted leaves the bundle. Throws `AUTHORITY_STATE_INVALID` or `NOT_FOUND`. */
export function revoked(slots: readonly Slot[], id: string): readonly Slot[] {
  const chosen = slotOf(slots, id);
  if (chosen.state === 'active') throw wrongState('unable to use current authority');
  if (chosen.state !== 'old') throw wrongState('only Old local authorities can be revoked');
  if (!chosen.tainted) throw wrongState('it is not possible to revoke an untainted authority');
  return slots.filter((slot) => slot !== chosen);
}

export function slotOf(slots: readonly Slot[], id: string): Slot {
  const found = slots.find((slot) => slot.id === id);
  if (found === undefined) throw new Fault('NOT_FOUND', 'unexpected authority ID');
  return found;
}
