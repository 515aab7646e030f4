import type { Clock } from '#kernel';
import type { TrustDomain } from '#spiffe';
import type { AuthorityKind } from './authority-kind.ts';
import { AuthorityCommands } from './commands.ts';
import type { AuthorityJournal } from './journal.ts';
import { JournaledAuthorities } from './journaled-authorities.ts';
import type { KeyManager } from './key-manager.ts';
import type { NewSlot } from './make-slot.ts';
import { Publication } from './publication.ts';
import { SigningKeys } from './signing-keys.ts';
import { Succession } from './succession.ts';
import { TimedRotation } from './timed-rotation.ts';
import type { Upstream } from './upstream.ts';
import { UpstreamFollowing } from './upstream-following.ts';

export interface KeySlotsOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly journal: AuthorityJournal;
  readonly clock: Clock;
  readonly sequenceFloor?: number;
  readonly make: (kind: AuthorityKind) => Promise<NewSlot>;
  readonly upstream?: Upstream;
}

/** The keys of one trust domain's authorities, of all kinds, with what changes them: time and commands. */
export interface KeySlots {
  readonly authorities: JournaledAuthorities;
  readonly keys: SigningKeys;
  readonly publication: Publication;
  readonly rotation: TimedRotation;
  readonly commands: AuthorityCommands;
}

export function keySlots({ keyManager, make, upstream, ...options }: KeySlotsOptions): KeySlots {
  const keys = new SigningKeys(keyManager);
  const authorities = new JournaledAuthorities({ ...options, keys });
  const publication = new Publication(authorities, upstream);
  const succession = new Succession({ authorities, publication, keys, make });
  const parts = { authorities, publication, succession };
  const following = upstream === undefined ? {} : { following: new UpstreamFollowing({ ...parts, upstream }) };
  const { journal, clock } = options;
  const rotation = new TimedRotation({ ...parts, ...following, keys, journal, clock });
  return { authorities, keys, publication, rotation, commands: new AuthorityCommands({ ...parts, rotation }) };
}
