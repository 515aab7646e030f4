import { newLink } from '#chain';
import { type Clock, pooledRandom, type Random } from '#kernel';
import type { PeerCredentials } from '#rpc';
import type { Entitlement } from './entitlement.ts';
import type { Issued } from './issued-cache.ts';
import { encodeReceipt } from './receipt.ts';
import type { ReceiptQueue } from './receipt-queue.ts';

const MAX_REMEMBERED = 1000;

export interface HandoutsOptions {
  readonly receipts: ReceiptQueue;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a workload is given, such as `x509-svid:fetch`. */
export type HandoutAction =
  | 'x509-svid:fetch'
  | 'jwt-svid:fetch'
  | 'wit-svid:fetch'
  | 'secret:fetch'
  | 'x509-svid:delegate'
  | 'jwt-svid:delegate';

/** Receipts of credentials that processes of this node were given: one for each connection and credential, however often it asks. */
export class Handouts {
  readonly #options: HandoutsOptions;
  readonly #known = new WeakMap<PeerCredentials, Set<string>>();

  constructor(options: HandoutsOptions) {
    this.#options = { ...options, random: pooledRandom(options.random) };
  }

  /** No receipt, no credential: throws what the queue throws when there is no room. */
  note(caller: PeerCredentials, action: HandoutAction, given: readonly (Entitlement & Issued)[]): void {
    const known = this.#knownOf(caller);
    const keyOf = ({ entry, notAfter }: Entitlement & Issued): string => `${action} ${entry.id} ${notAfter}`;
    const fresh = given.filter((one) => !known.has(keyOf(one)));
    if (fresh.length === 0) return;
    this.#options.receipts.add(fresh.map((one) => this.#receipt(caller, action, one)));
    for (const one of fresh) known.add(keyOf(one));
  }

  #knownOf(caller: PeerCredentials): Set<string> {
    const known = this.#known.get(caller);
    if (known !== undefined && known.size < MAX_REMEMBERED) return known;
    const none = new Set<string>();
    this.#known.set(caller, none);
    return none;
  }

  #receipt({ pid, uid, gid }: PeerCredentials, action: HandoutAction, given: Entitlement & Issued) {
    const { random, clock } = this.#options;
    const { entry, membership, notAfter } = given;
    return encodeReceipt({
      ...newLink(random),
      kind: 'workload-api',
      trustDomain: membership.name,
      workload: entry.spiffeId,
      effect: 'allow',
      code: 'ALLOWED',
      action,
      startedAt: new Date(clock.now()).toISOString(),
      durationUs: 0,
      detail: { pid, uid, gid, entry: entry.id, notAfter: new Date(notAfter).toISOString() },
    });
  }
}
