import type { Clock, Closeable, Log, Scheduled } from '#kernel';
import type { Draft } from '#registry';
import { type RevocationResource, revocationKey } from '#wire';
import type { State } from './state.ts';

export interface ExpiryOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MILLIS = 30_000;

/** Takes revocations away once they have expired. Until it has done so they stand: enforcement points ask no clock. */
export class RevocationExpiry implements Closeable {
  readonly #options: ExpiryOptions;
  readonly #unsubscribe: () => void;
  #timer: { readonly at: number; readonly scheduled: Scheduled } | undefined;
  #closed = false;

  constructor(options: ExpiryOptions) {
    this.#options = options;
    this.#unsubscribe = options.state.registry.onCommit(({ changes }) => {
      if (changes.some(({ kind }) => kind === 'Revocation')) this.#schedule();
    });
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    this.#timer?.scheduled.cancel();
  }

  #schedule(): void {
    const ends = this.#standing().map(({ body }) => (body.expiresAt ?? Number.POSITIVE_INFINITY) * 1000);
    // A loop: a call with ten thousand arguments is one that may fail.
    this.#wakeAt(ends.reduce((first, end) => Math.min(first, end), Number.POSITIVE_INFINITY));
  }

  #wakeAt(at: number): void {
    if (this.#closed || this.#timer?.at === at) return;
    this.#timer?.scheduled.cancel();
    this.#timer = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const scheduled = this.#options.clock.at(at, () => {
      this.#timer = undefined;
      this.#expire().catch((error) => {
        this.#options.log.warn('expired revocations not taken away', { error });
        this.#wakeAt(this.#options.clock.now() + RETRY_MILLIS);
      });
    });
    this.#timer = { at, scheduled };
  }

  async #expire(): Promise<void> {
    const { state, clock } = this.#options;
    const isOver = ({ expiresAt }: RevocationResource): boolean =>
      expiresAt !== undefined && expiresAt * 1000 <= clock.now();
    const names = new Set(this.#standing().flatMap(({ trustDomain, body }) => (isOver(body) ? [trustDomain] : [])));
    const expired = [...names].map((name) => {
      // Judged on the newest state: it may have been revoked anew.
      const remove = (draft: Draft): void => {
        for (const { body } of state.registry.list<RevocationResource>('Revocation', name))
          if (isOver(body)) draft.add(name, { kind: 'Revocation', key: revocationKey(body), body: null });
      };
      return state.commit(name, remove, 'expiry');
    });
    // One trust domain that cannot be written holds up no other.
    const failed = (await Promise.allSettled(expired)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    this.#schedule();
  }

  #standing() {
    return this.#options.state.registry.list<RevocationResource>('Revocation');
  }
}
