import { newLink, type Receipt } from '#chain';
import { type Clock, pooledRandom, type Random } from '#kernel';
import type { Ledger } from '#ledger';
import type { Committed, PendingReceipt, ReceiptOutlet } from '#registry';
import type { RevocationResource } from '#wire';

/** What the server's own links say; ids and time are filled in here. */
export type Noted = Pick<Receipt, 'kind' | 'trustDomain' | 'effect' | 'code'> & Partial<Receipt>;

/** Leaves the server's own receipts: changes of the registry, attestation, issuance, minters. */
export class Recorder implements ReceiptOutlet {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(ledger: Ledger, clock: Clock, random: Random) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#random = pooledRandom(random);
  }

  /** Durable when it returns: what could not be recorded did not happen, the caller sees the fault. */
  async note(...noted: readonly Noted[]): Promise<void> {
    await this.#ledger.appendNew(noted.map((one) => this.#complete(one)));
  }

  /** Receipts for the transaction of the change that they tell of (`Registry`): durable with it, or not at all. */
  pending(...noted: readonly Noted[]): readonly PendingReceipt[] {
    return noted
      .map((one) => this.#complete(one))
      .map((receipt) => ({ trustDomain: receipt.trustDomain, id: receipt.id, body: JSON.stringify(receipt) }));
  }

  /** Receipts of changes of the registry, one a change. */
  describe({ trustDomain, revision, changes }: Committed, by: string): readonly PendingReceipt[] {
    const noted = changes.map(
      ({ kind, key, body }): Noted => ({
        kind: kind === 'Minter' ? 'minter' : 'registry',
        trustDomain,
        effect: 'allow',
        code: 'ALLOWED',
        action: body === null ? `${kind}:delete` : `${kind}:put`,
        resource: key,
        proof: by,
        detail: { revision, ...(kind === 'Revocation' && body !== null ? whyRevoked(body) : {}) },
      }),
    );
    return this.pending(...noted);
  }

  async deliver(receipts: readonly PendingReceipt[]): Promise<void> {
    // Written by `pending`.
    await this.#ledger.append(receipts.map(({ body }) => JSON.parse(body) as Receipt));
  }

  #complete(noted: Noted): Receipt {
    return {
      ...newLink(this.#random),
      startedAt: new Date(this.#clock.now()).toISOString(),
      durationUs: 0,
      ...noted,
    };
  }
}

/** What a revocation says besides whom it is about. */
function whyRevoked(body: unknown): object {
  // Parsed on its way into the registry.
  const { reason, expiresAt } = body as RevocationResource;
  return { reason, ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt * 1000).toISOString() }) };
}
