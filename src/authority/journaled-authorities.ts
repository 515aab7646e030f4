import { faultCode } from '#kernel';
import type { TrustDomain } from '#spiffe';
import { type AuthorityBundle, bundleContent } from './authority-bundle.ts';
import type { AuthorityKind } from './authority-kind.ts';
import { type Contents, isSameContents, NO_CONTENTS, unexpired } from './contents.ts';
import type { AuthorityJournal } from './journal.ts';
import type { SigningKeys } from './signing-keys.ts';
import { fromJournal, type Slot, toJournal } from './slot.ts';

export interface JournaledAuthoritiesOptions {
  readonly trustDomain: TrustDomain;
  readonly journal: AuthorityJournal;
  readonly keys: SigningKeys;
  readonly sequenceFloor?: number;
}

const MAX_CONFLICTS = 8;

/** The authorities of a trust domain as the journal has them, which its servers share, and the bundle that follows from them. */
export class JournaledAuthorities {
  readonly #options: JournaledAuthoritiesOptions;
  #contents: Contents = NO_CONTENTS;
  #bundle: AuthorityBundle;
  #version = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: JournaledAuthoritiesOptions) {
    this.#options = options;
    this.#bundle = { trustDomain: options.trustDomain, ...bundleContent([], []), sequence: options.sequenceFloor ?? 0 };
  }

  /** The same object until its content changes. */
  get bundle(): AuthorityBundle {
    return this.#bundle;
  }

  get contents(): Contents {
    return this.#contents;
  }

  get slots(): readonly Slot[] {
    return this.#contents.slots;
  }

  /** Oldest first. */
  of(kind: AuthorityKind): readonly Slot[] {
    return this.slots.filter((slot) => slot.kind === kind);
  }

  active(kind: AuthorityKind): Slot | undefined {
    return this.slots.find((slot) => slot.kind === kind && slot.state === 'active');
  }

  /** One change at a time here; when another server was faster, everything is judged again on what it left. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(async () => {
      for (let conflicts = 0; ; conflicts++) {
        try {
          return await work();
        } catch (error) {
          if (faultCode(error) !== 'JOURNAL_CONFLICT' || conflicts >= MAX_CONFLICTS) throw error;
          await this.load();
        }
      }
    });
    this.#queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Returns when no change is going on. */
  settled(): Promise<void> {
    return this.#queue;
  }

  async load(): Promise<void> {
    const record = await this.#options.journal.load();
    if (record === undefined || record.version === this.#version) return;
    const slots = record.slots.map(fromJournal);
    const { version, upstream, appended = [] } = record;
    // A journal that a backup brought back is behind what was published, and the next bundle must not be.
    const sequence = Math.max(record.sequence, this.#options.sequenceFloor ?? 0);
    await this.#options.keys.lookFor(slots);
    this.#version = version;
    this.#contents = { slots, upstream, appended };
    this.#bundle = { trustDomain: this.#options.trustDomain, ...bundleContent(slots, upstream, appended), sequence };
  }

  /** Saves what has changed. Keys of slots that are gone go with them. Throws `JOURNAL_CONFLICT` when another server was faster. */
  async save(change: Partial<Contents>): Promise<void> {
    const before = this.#contents;
    const next = { ...before, ...change };
    if (isSameContents(before, next)) return;
    const bundle = this.#bundleOf(next);
    const { upstream, appended } = next;
    const version = this.#version + 1;
    const record = { version, sequence: bundle.sequence, slots: next.slots.map(toJournal), upstream, appended };
    await this.#options.journal.save(record, this.#version);
    this.#version = version;
    this.#contents = next;
    this.#bundle = bundle;
    for (const slot of before.slots)
      if (!next.slots.some(({ keyName }) => keyName === slot.keyName)) await this.#options.keys.delete(slot);
  }

  /** Takes out what has expired. */
  expire(now: number): Promise<void> {
    return this.save(unexpired(this.#contents, now));
  }

  /** The sequence grows with every change of the content, and with nothing else. */
  #bundleOf({ slots, upstream, appended }: Contents): AuthorityBundle {
    const { trustDomain, sequence } = this.#bundle;
    const bundle = { trustDomain, ...bundleContent(slots, upstream, appended), sequence };
    return JSON.stringify(bundle) === JSON.stringify(this.#bundle) ? bundle : { ...bundle, sequence: sequence + 1 };
  }
}
