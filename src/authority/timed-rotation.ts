import type { Clock, Closeable, Scheduled } from '#kernel';
import { AUTHORITY_KINDS, type AuthorityKind } from './authority-kind.ts';
import type { AuthorityJournal } from './journal.ts';
import type { JournaledAuthorities } from './journaled-authorities.ts';
import type { Publication } from './publication.ts';
import { dueStep, nextDue } from './rotation.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { Slot } from './slot.ts';
import type { Succession } from './succession.ts';
import type { UpstreamFollowing } from './upstream-following.ts';

export interface TimedRotationOptions {
  readonly authorities: JournaledAuthorities;
  readonly publication: Publication;
  readonly succession: Succession;
  readonly keys: SigningKeys;
  readonly journal: AuthorityJournal;
  readonly clock: Clock;
  readonly following?: UpstreamFollowing;
}

const RETRY_MILLIS = 10_000;
const UPSTREAM_MILLIS = 60_000;

/** Rotation of the keys of all kinds by time: what is due is done, one step after another, and the next step waits for its time. */
export class TimedRotation implements Closeable {
  readonly #options: TimedRotationOptions;
  #timer: Scheduled | undefined;
  #again: Scheduled | undefined;
  #unwatch: (() => void) | undefined;
  #closed = false;
  /**
   * WIT-SVIDs are new: relying parties as old as SPIRE 1.13 refuse a whole bundle with a key whose `use` they do not know. So there is no
   * WIT key before the first WIT-SVID is asked for.
   */
  readonly #wanted = new Set<AuthorityKind>(['x509', 'jwt']);

  constructor(options: TimedRotationOptions) {
    this.#options = options;
  }

  /** Loads what the journal remembers, replaces what this process cannot sign with, and starts to rotate by time. */
  async open(): Promise<void> {
    const { authorities, publication, journal } = this.#options;
    await authorities.exclusively(async () => {
      await authorities.load();
      // Where several servers share the journal, a key that is not here is another server's, and not lost.
      if (journal.watch === undefined) await this.#replaceLostKeys();
    });
    publication.start();
    this.#unwatch = journal.watch?.(() => void this.rotateIfDue().catch(() => undefined));
    await this.rotateIfDue();
  }

  /** The kinds that there are keys of, or are to be. */
  kinds(): readonly AuthorityKind[] {
    return AUTHORITY_KINDS.filter((kind) => this.#wanted.has(kind) || this.#options.authorities.of(kind).length > 0);
  }

  /** From now on there are keys of this kind. */
  want(kind: AuthorityKind): void {
    this.#wanted.add(kind);
  }

  /** Does what is due at this moment, step by step; heals at once when an active key has expired. */
  rotateIfDue(): Promise<void> {
    return this.interrupt(async () => {
      const { authorities, publication, clock, following } = this.#options;
      await publication.publish();
      await authorities.expire(clock.now());
      await publication.publish();
      await following?.follow();
      for (const kind of this.kinds()) await this.#rotate(kind);
    });
  }

  /** Does something on the newest state while nothing rotates, and then sees anew what is due when. */
  interrupt<T>(work: () => Promise<T>): Promise<T> {
    const { authorities } = this.#options;
    return authorities.exclusively(async () => {
      try {
        await authorities.load();
        return await work();
      } finally {
        this.#schedule();
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#again?.cancel();
    this.#unwatch?.();
    await this.#options.authorities.settled();
  }

  async #rotate(kind: AuthorityKind): Promise<void> {
    const { authorities, succession, journal, clock } = this.#options;
    const now = clock.now();
    // Of several servers it may be this one's clock that is wrong: it says so in its health, and replaces nothing.
    const due = () => dueStep(authorities.of(kind), now, journal.watch === undefined);
    if (due() === 'prepare') await succession.prepare(kind);
    const prepared = authorities.of(kind).find(({ state }) => state === 'prepared');
    if (prepared !== undefined && due() === 'activate') await succession.activate(prepared.id);
  }

  /** A key that is lost signs no more: what it signed stays trusted, and another key takes its place. */
  async #replaceLostKeys(): Promise<void> {
    const { authorities, keys } = this.#options;
    const slots = authorities.slots.flatMap((slot): readonly Slot[] => {
      if (slot.state === 'old' || keys.has(slot)) return [slot];
      return slot.state === 'active' ? [{ ...slot, state: 'old' }] : [];
    });
    await authorities.save({ slots });
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#again?.cancel();
    if (this.#closed) return;
    const { authorities, publication, clock, following } = this.#options;
    const now = clock.now();
    const soonest = Math.min(...this.kinds().map((kind) => nextDue(authorities.of(kind)) ?? now));
    const rotate = (): void => void this.rotateIfDue().catch(() => undefined);
    // What is due and still not done has failed: it is tried again soon.
    const isLate = !publication.isDone || soonest <= now;
    if (!isLate) this.#timer = clock.at(soonest, rotate);
    if (isLate) this.#again = clock.after(RETRY_MILLIS, rotate);
    else if (following !== undefined) this.#again = clock.after(UPSTREAM_MILLIS, rotate);
  }
}
