import type { Clock, Scheduled } from '#kernel';
import type { EntryResource } from '#wire';
import type { Draft } from './draft.ts';
import type { HeldEntry } from './entry-index.ts';
import type { LiveEntries } from './live-entries.ts';
import type { LogCommitted } from './log-revision.ts';

export interface EntryExpiryOptions {
  readonly entries: LiveEntries;
  readonly clock: Clock;
  /** Commits what is filled in, in the name of the expiry. */
  readonly commit: (trustDomain: string, fill: (draft: Draft) => void) => Promise<unknown>;
}

const RETRY_MILLIS = 1000;
const PRUNE_AT_ONCE = 500;

/** Expired entries are gone at read; soon after they leave the store too, and every agent hears of it. */
export class EntryExpiry {
  readonly #options: EntryExpiryOptions;
  #next: { readonly at: number; readonly timer: Scheduled } | undefined;

  constructor(options: EntryExpiryOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** Takes note of the entries that a revision of a state log brought. */
  take({ changes }: LogCommitted): void {
    for (const { kind, body } of changes) {
      const { expiresAt } = kind === 'Entry' && body !== null ? (body as EntryResource) : {};
      if (expiresAt !== undefined) this.#pruneAt(expiresAt * 1000);
    }
  }

  close(): void {
    this.#next?.timer.cancel();
  }

  #pruneAt(at: number): void {
    if (this.#next !== undefined && this.#next.at <= at) return;
    this.#next?.timer.cancel();
    const { clock } = this.#options;
    const timer = clock.at(at, () => {
      this.#next = undefined;
      void this.#prune().catch(() => this.#pruneAt(clock.now() + RETRY_MILLIS));
    });
    this.#next = { at, timer };
  }

  async #prune(): Promise<void> {
    const { entries, commit } = this.#options;
    for (const [trustDomain, index] of entries.indexes()) {
      const expired = [...index.all()].filter(({ body }) => !entries.isLive(body)).slice(0, PRUNE_AT_ONCE);
      if (expired.length > 0) await commit(trustDomain, (draft) => removeExpired(draft, trustDomain, expired));
    }
    this.#schedule();
  }

  #schedule(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const [, index] of this.#options.entries.indexes())
      for (const { body } of index.all()) next = Math.min(next, body.expiresAt ?? next);
    if (next < Number.POSITIVE_INFINITY) this.#pruneAt(next * 1000);
  }
}

function removeExpired(draft: Draft, trustDomain: string, expired: readonly HeldEntry[]): void {
  for (const { body } of expired) {
    const present = draft.find<EntryResource>('Entry', trustDomain, body.id);
    if (present?.expiresAt === body.expiresAt) draft.add(trustDomain, { kind: 'Entry', key: body.id, body: null });
  }
}
