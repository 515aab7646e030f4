import { newSpan, newTxn, type Receipt } from '#chain';
import { type Clock, type Random, randomHex } from '#kernel';
import type { Ledger } from '#ledger';

/** What the server's own links say; ids and time are filled in here. */
export type Noted = Pick<Receipt, 'kind' | 'trustDomain' | 'effect' | 'code'> & Partial<Receipt>;

/** Leaves the server's own receipts: changes of the registry, attestation, issuance, minters. */
export class Recorder {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(ledger: Ledger, clock: Clock, random: Random) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#random = random;
  }

  /** Durable when it returns: what could not be recorded did not happen, the caller sees the fault. */
  async note(...noted: readonly Noted[]): Promise<void> {
    await this.#ledger.append(noted.map((one) => this.#complete(one)));
  }

  #complete(noted: Noted): Receipt {
    return {
      id: randomHex(this.#random, 16),
      txn: newTxn(this.#random),
      span: newSpan(this.#random),
      startedAt: new Date(this.#clock.now()).toISOString(),
      durationUs: 0,
      ...noted,
    };
  }
}
