import { newSpan, newTxn, parentSpanOf, type ReasonCodeName, type Receipt } from '#chain';
import { type Clock, type Random, randomHex } from '#kernel';
import type { GateWorkload, TxnContext } from './gate-workload.ts';

export interface Link {
  readonly effect: 'allow' | 'deny';
  readonly code: ReasonCodeName;
  readonly peer?: string | undefined;
  readonly role?: string | undefined;
  readonly context?: TxnContext | undefined;
  readonly traceparent?: string | undefined;
  readonly action?: string | undefined;
  readonly proof?: string | undefined;
  readonly resource?: string | undefined;
  /** Wall and monotonic time when it began. */
  readonly began?: { readonly at: number; readonly monotonic: number } | undefined;
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
}

/** Leaves the receipts of the gate. */
export class Receipts {
  readonly #workload: GateWorkload;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(workload: GateWorkload, clock: Clock, random: Random) {
    this.#workload = workload;
    this.#clock = clock;
    this.#random = random;
  }

  began(): { readonly at: number; readonly monotonic: number } {
    return { at: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }

  /** Reports a link; hands back the receipt's id. */
  leave(link: Link): string {
    const { began = this.began(), context } = link;
    const { id: self } = this.#workload.svid();
    const txn = context?.txn ?? newTxn(this.#random);
    const receipt: Receipt = {
      id: randomHex(this.#random, 16),
      txn,
      span: newSpan(this.#random),
      kind: 'database',
      trustDomain: self.trustDomain,
      workload: self.toString(),
      effect: link.effect,
      code: link.code,
      startedAt: new Date(began.at).toISOString(),
      durationUs: Math.max(0, Math.round((this.#clock.monotonic() - began.monotonic) * 1000)),
      ...defined({
        parentSpan: parentSpanOf(link.traceparent, txn),
        user: context?.user,
        tenant: context?.tenant,
        peer: link.peer,
        proof: link.proof,
        rule: link.role,
        action: link.action,
        resource: link.resource,
        detail: link.detail,
      }),
    };
    this.#workload.report(receipt);
    return receipt.id;
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
