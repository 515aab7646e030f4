import { followed } from './appended.ts';
import type { JournalAnchor } from './journal-record.ts';
import type { JournaledAuthorities } from './journaled-authorities.ts';
import type { Publication } from './publication.ts';
import { upstreamAuthorityId } from './slot.ts';
import type { Succession } from './succession.ts';
import type { Upstream } from './upstream.ts';
import { withAnchors } from './upstream-anchors.ts';

export interface UpstreamFollowingOptions {
  readonly authorities: JournaledAuthorities;
  readonly publication: Publication;
  readonly succession: Succession;
  readonly upstream: Upstream;
}

/** Keeps the bundle in step with the upstream's. */
export class UpstreamFollowing {
  readonly #options: UpstreamFollowingOptions;

  constructor(options: UpstreamFollowingOptions) {
    this.#options = options;
  }

  /**
   * Takes new roots of the upstream into the bundle, and drops those that it has dropped once nothing stands under them. When it has tainted the
   * root of the active CA, another CA takes its place first. While the upstream is away everything stays as it is.
   */
  async follow(): Promise<void> {
    const { authorities, publication, upstream } = this.#options;
    const found = await upstream.bundle().catch(() => undefined);
    if (found === undefined) return;
    const { anchors: roots, keys } = found;
    await publication.publishAbove().catch(() => undefined);
    const kept = this.#kept(roots);
    const tainted = newlyTainted(kept, roots);
    const foreign = keys.filter(({ id }) => !authorities.slots.some((slot) => slot.id === id));
    const appended = followed(authorities.contents.appended, foreign);
    await authorities.save({ upstream: withAnchors(kept, roots), appended });
    await publication.publish();
    if (tainted.size === 0 || !(await this.#leave(tainted))) return;
    const anchors = authorities.contents.upstream;
    await authorities.save({ upstream: anchors.map((one) => (tainted.has(one.id) ? { ...one, tainted: true } : one)) });
    await publication.publish();
  }

  #kept(roots: readonly JournalAnchor[]): readonly JournalAnchor[] {
    const { slots, contents } = this.#options.authorities;
    const used = new Set(slots.map(({ chain }) => upstreamAuthorityId(chain)));
    return contents.upstream.filter(
      ({ id, revoked }) => revoked || used.has(id) || roots.some((root) => root.id === id),
    );
  }

  /** The active CA is under none of these roots from now on; false where the upstream still signs under them. */
  async #leave(tainted: ReadonlySet<string>): Promise<boolean> {
    const { authorities, succession } = this.#options;
    const active = upstreamAuthorityId(authorities.active('x509')?.chain ?? []);
    if (active === undefined || !tainted.has(active)) return true;
    const prepared = await succession.prepare('x509');
    if (upstreamAuthorityId(prepared.chain) === active) return false;
    await succession.activate(prepared.id);
    return true;
  }
}

/** Roots that the upstream has tainted, and that are not tainted here yet. */
function newlyTainted(known: readonly JournalAnchor[], roots: readonly JournalAnchor[]): ReadonlySet<string> {
  const tainted = roots.filter((root) => root.tainted && known.some(({ id, tainted }) => id === root.id && !tainted));
  return new Set(tainted.map(({ id }) => id));
}
