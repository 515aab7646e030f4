import type { AppendedAuthority } from './appended.ts';
import type { AuthorityBundle } from './authority-bundle.ts';
import type { JournaledAuthorities } from './journaled-authorities.ts';
import type { Slot } from './slot.ts';
import type { Upstream } from './upstream.ts';

/** Told of every new bundle. Nothing that is new in it signs before every listener has returned. */
export type BundleListener = (bundle: AuthorityBundle) => void | Promise<void>;

/** Who has been told of the bundle: the listeners here, and the upstream of the keys for tokens. */
export class Publication {
  readonly #authorities: JournaledAuthorities;
  readonly #upstream: Upstream | undefined;
  readonly #listeners = new Set<BundleListener>();
  /** Own keys that the upstream publishes too. */
  readonly #above = new Set<string>();
  #published = 0;

  constructor(authorities: JournaledAuthorities, upstream: Upstream | undefined) {
    this.#authorities = authorities;
    this.#upstream = upstream;
  }

  /** True when nobody here is still to be told of the present bundle. */
  get isDone(): boolean {
    return this.#published === this.#authorities.bundle.sequence;
  }

  onBundleChange(listener: BundleListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The present bundle was there before anybody listened. */
  start(): void {
    this.#published = this.#authorities.bundle.sequence;
  }

  /** Returns when every listener has taken the bundle; throws what one of them throws, and then nothing new is activated. */
  async publish(): Promise<void> {
    if (this.isDone) return;
    const { bundle } = this.#authorities;
    for (const listener of this.#listeners) await listener(bundle);
    this.#published = bundle.sequence;
  }

  /** Relying parties may have the upstream's bundle alone: no token is signed by a key that is not in it. */
  async publishAbove(): Promise<void> {
    const slots = this.#authorities.slots.filter(({ kind, id }) => kind !== 'x509' && !this.#above.has(id));
    if (this.#upstream === undefined || slots.length === 0) return;
    await this.#upstream.publish(slots.map(toAppended));
    for (const { id } of slots) this.#above.add(id);
  }
}

function toAppended({ kind, id, spki, notAfter, tainted }: Slot): AppendedAuthority {
  return { kind, id, content: spki.toString('base64'), notAfter, tainted };
}
