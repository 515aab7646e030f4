import { isReasonCode, newSpan, newTxn, type Receipt } from '#chain';
import { type Clock, type Fault, type Log, type Random, randomHex } from '#kernel';
import type { EdgeWorkload } from './edge-workload.ts';

export interface LinkOptions {
  readonly workload: EdgeWorkload;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type Facts = Partial<Omit<Receipt, 'id' | 'txn' | 'span' | 'effect' | 'code'>>;

/** The edge's link of one chain: it makes the transaction's id, gathers what was found out, and leaves one receipt. */
export class Link {
  readonly txn: string;
  readonly span: string;
  readonly id: string;
  readonly #options: LinkOptions;
  readonly #startedAt: number;
  readonly #start: number;
  #facts: Facts = {};
  #left = false;
  #allowed: 'ALLOWED' | 'IDENTITY_HEADERS_STRIPPED' = 'ALLOWED';

  constructor(options: LinkOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.txn = newTxn(random);
    this.span = newSpan(random);
    this.id = randomHex(random, 16);
    this.#startedAt = clock.now();
    this.#start = clock.monotonic();
  }

  note(facts: Facts): void {
    const detail = { ...this.#facts.detail, ...facts.detail };
    this.#facts = { ...this.#facts, ...facts, ...(Object.keys(detail).length === 0 ? {} : { detail }) };
  }

  /** The client said by these names who somebody is; the request goes on without them, if it goes on. */
  noteStripped(names: readonly string[]): void {
    if (names.length === 0) return;
    this.note({ detail: { stripped: names } });
    this.#allowed = 'IDENTITY_HEADERS_STRIPPED';
  }

  /** Throws when no receipt can be left: then the request must not go on. */
  allow(): void {
    this.#leave('allow', this.#allowed);
  }

  deny(fault: Fault): void {
    const code = isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
    try {
      this.#leave('deny', code);
    } catch (error) {
      this.#options.log.error('no receipt of a denial could be left', { id: this.id, code, error });
    }
  }

  #leave(effect: Receipt['effect'], code: Receipt['code']): void {
    if (this.#left) return;
    const { workload, clock } = this.#options;
    const self = workload.id;
    workload.report({
      kind: 'edge',
      trustDomain: self.trustDomain,
      workload: self.toString(),
      startedAt: new Date(this.#startedAt).toISOString(),
      durationUs: Math.max(0, Math.round((clock.monotonic() - this.#start) * 1000)),
      ...this.#facts,
      id: this.id,
      txn: this.txn,
      span: this.span,
      effect,
      code,
    });
    this.#left = true;
  }
}
