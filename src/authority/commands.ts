import { Fault, LIMITS } from '#kernel';
import { type AppendedAuthority, appended, revokeAppended, stateOfAppended, taintAppended } from './appended.ts';
import type { AuthorityKind } from './authority-kind.ts';
import type { AuthorityState } from './authority-state.ts';
import { wrongState } from './authority-state.ts';
import type { Contents } from './contents.ts';
import type { JournaledAuthorities } from './journaled-authorities.ts';
import type { Publication } from './publication.ts';
import { revoked, slotOf, tainted } from './rotation.ts';
import { type Slot, toState, upstreamAuthorityId } from './slot.ts';
import type { Succession } from './succession.ts';
import type { TimedRotation } from './timed-rotation.ts';
import { revokeAnchor, taintAnchor } from './upstream-anchors.ts';

export interface AuthorityCommandsOptions {
  readonly authorities: JournaledAuthorities;
  readonly publication: Publication;
  readonly succession: Succession;
  readonly rotation: TimedRotation;
}

type ChangeAppended = (
  present: readonly AppendedAuthority[],
  target: AppendedAuthority,
) => readonly AppendedAuthority[];

/** What an operator can have done to the authorities of a trust domain. */
export class AuthorityCommands {
  readonly #options: AuthorityCommandsOptions;

  constructor(options: AuthorityCommandsOptions) {
    this.#options = options;
  }

  /** Makes and publishes the next key, in the place of one that was prepared before. Throws `LIMIT_EXCEEDED`. */
  prepare(kind: AuthorityKind): Promise<AuthorityState> {
    const { authorities, succession, rotation } = this.#options;
    return rotation.interrupt(async () => {
      // By time alone there are never more than a few: what a lifetime makes, expires in one.
      if (authorities.of(kind).filter(({ state }) => state !== 'prepared').length >= LIMITS.authoritySlots.value)
        throw new Fault('LIMIT_EXCEEDED', 'too many authorities of this kind are in the bundle: revoke old ones first');
      return toState(await succession.prepare(kind));
    });
  }

  /** Signs with a prepared key from now on. Throws `AUTHORITY_STATE_INVALID` for one that is not prepared, `NOT_FOUND`. */
  activate(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    const { authorities, succession, rotation } = this.#options;
    return rotation.interrupt(async () => {
      assertKind(slotOf(authorities.slots, id), kind);
      return toState(await succession.activate(id));
    });
  }

  /** Takes authorities that others sign with into the bundle. Throws `ALREADY_EXISTS`, `LIMIT_EXCEEDED`. */
  append(more: readonly AppendedAuthority[]): Promise<void> {
    const { authorities, rotation } = this.#options;
    return rotation.interrupt(async () => {
      const own = more.find(({ id }) => authorities.slots.some((slot) => slot.id === id));
      if (own !== undefined) throw new Fault('ALREADY_EXISTS', 'an authority of this id is the own one');
      await this.#save({ appended: appended(authorities.contents.appended, more) });
    });
  }

  /** Has everything that an old key signed replaced. Throws `AUTHORITY_STATE_INVALID` for one that is not old, `NOT_FOUND`. */
  taint(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    const { authorities, rotation } = this.#options;
    return rotation.interrupt(async () => {
      const other = this.#appended(kind, id);
      if (other !== undefined) return this.#changeAppended(other, taintAppended);
      const slot = assertKind(slotOf(authorities.slots, id), kind);
      const slots = tainted(authorities.slots, id);
      assertOwnRoot(slot);
      await this.#save({ slots });
      return toState(slotOf(authorities.slots, id));
    });
  }

  /** Takes a tainted key out of the bundle. Throws `AUTHORITY_STATE_INVALID` for one that is not old and tainted, `NOT_FOUND`. */
  revoke(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    const { authorities, rotation } = this.#options;
    return rotation.interrupt(async () => {
      const other = this.#appended(kind, id);
      if (other !== undefined) return this.#changeAppended(other, revokeAppended);
      const slot = assertKind(slotOf(authorities.slots, id), kind);
      const slots = revoked(authorities.slots, id);
      assertOwnRoot(slot);
      await this.#save({ slots });
      return toState(slot);
    });
  }

  /**
   * As `taint` and `revoke`, for an upstream's root by its subject key id; not for the one above the active CA. Everything below it is to be
   * replaced.
   */
  taintUpstream(id: string): Promise<void> {
    const { authorities, rotation } = this.#options;
    return rotation.interrupt(() => this.#save(taintAnchor(authorities.contents, id)));
  }

  revokeUpstream(id: string): Promise<void> {
    const { authorities, rotation } = this.#options;
    return rotation.interrupt(() => this.#save(revokeAnchor(authorities.contents, id)));
  }

  async #save(change: Partial<Contents>): Promise<void> {
    await this.#options.authorities.save(change);
    await this.#options.publication.publish();
  }

  #appended(kind: AuthorityKind, id: string): AppendedAuthority | undefined {
    return this.#options.authorities.contents.appended.find((one) => one.kind === kind && one.id === id);
  }

  async #changeAppended(target: AppendedAuthority, change: ChangeAppended): Promise<AuthorityState> {
    await this.#save({ appended: change(this.#options.authorities.contents.appended, target) });
    return stateOfAppended(this.#appended(target.kind, target.id) ?? target);
  }
}

function assertKind(slot: Slot, kind: AuthorityKind): Slot {
  if (slot.kind !== kind) throw new Fault('NOT_FOUND', 'unexpected authority ID');
  return slot;
}

/** A CA below an upstream is trusted through the upstream's root: taking it out of the bundle would change nothing. */
function assertOwnRoot(slot: Slot): void {
  if (upstreamAuthorityId(slot.chain) !== undefined)
    throw wrongState("local authority can't be tainted or revoked if there is an upstream authority");
}
