import type { Log } from '#kernel';
import type { Logs } from './logs.ts';
import type { ReceiptDelivery } from './receipt-delivery.ts';
import type { Retries } from './retries.ts';
import type { Store } from './store.ts';

export interface StoreFollowingOptions {
  readonly store: Store;
  readonly logs: Logs;
  readonly delivery: ReceiptDelivery;
  readonly retries: Retries;
  readonly log?: Log;
}

/** Keeps the logs in step with what other servers write to the store. */
export class StoreFollowing {
  readonly #options: StoreFollowingOptions;
  readonly #unread = new Set<string>();
  readonly #stopWatching: () => void;

  constructor(options: StoreFollowingOptions) {
    this.#options = options;
    const { store, logs, delivery } = options;
    logs.onDoubt((names) => {
      for (const name of names) this.#follow(name);
      delivery.recoverSoon();
    });
    this.#stopWatching = store.watch((log, revision) => this.#follow(log, revision));
  }

  /** False while this server may serve what is out of date: it cannot hear of the others' writes, or could not read them. */
  isCurrent(): boolean {
    return this.#unread.size === 0 && this.#options.store.follows();
  }

  close(): void {
    this.#stopWatching();
  }

  /** Another server has written, or may have. What cannot be read now is read again soon: nobody tells of it twice. */
  #follow(name: string | undefined, revision = Number.POSITIVE_INFINITY): void {
    const { logs, delivery, retries, log } = this.#options;
    if (name === undefined) {
      for (const one of logs.held.names()) this.#follow(one);
      delivery.recoverSoon();
    } else if (logs.held.revision(name) < revision) {
      delivery.lookLater();
      logs.follow(name).then(
        () => this.#unread.delete(name),
        (error) => {
          // Told once, until it can be read again: what this server serves is out of date meanwhile.
          if (!this.#unread.has(name)) log?.error('what another server wrote cannot be read', { log: name, error });
          this.#unread.add(name);
          retries.again(() => this.#follow(name, revision));
        },
      );
    }
  }
}
