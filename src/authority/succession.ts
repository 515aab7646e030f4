import type { AuthorityKind } from './authority-kind.ts';
import type { JournaledAuthorities } from './journaled-authorities.ts';
import type { NewSlot } from './make-slot.ts';
import type { Publication } from './publication.ts';
import { activated, slotOf } from './rotation.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { Slot } from './slot.ts';
import { withAnchors } from './upstream-anchors.ts';

export interface SuccessionOptions {
  readonly authorities: JournaledAuthorities;
  readonly publication: Publication;
  readonly keys: SigningKeys;
  readonly make: (kind: AuthorityKind) => Promise<NewSlot>;
}

/** How one key follows another: it is published before it is activated (SPIFFE Federation §5.1). */
export class Succession {
  readonly #options: SuccessionOptions;

  constructor(options: SuccessionOptions) {
    this.#options = options;
  }

  /** A new key, published, in the place of one that was prepared before. */
  async prepare(kind: AuthorityKind): Promise<Slot> {
    const { authorities, publication, keys, make } = this.#options;
    const others = authorities.slots.filter((slot) => slot.kind !== kind || slot.state !== 'prepared');
    const { slot, upstream = [] } = await make(kind);
    keys.add(slot);
    try {
      await authorities.save({
        slots: [...others, slot],
        upstream: withAnchors(authorities.contents.upstream, upstream),
      });
    } catch (error) {
      await keys.delete(slot);
      throw error;
    }
    await publication.publish();
    await publication.publishAbove();
    return slot;
  }

  /** Throws `AUTHORITY_STATE_INVALID` for a key that is not prepared, `NOT_FOUND`. */
  async activate(id: string): Promise<Slot> {
    const { authorities, publication } = this.#options;
    const slots = activated(authorities.slots, id);
    await publication.publish();
    await publication.publishAbove();
    await authorities.save({ slots });
    return slotOf(authorities.slots, id);
  }
}
