import { newSpan, newTxn, parentSpanOf, type ReasonCodeName, type Receipt } from '#chain';
import { type Clock, Fault, type Log, type Random, randomHex } from '#kernel';
import type { GateWorkload, TxnContext } from './gate-workload.ts';

/** How peer and user of a transaction with a context were proven. */
export const PROOF = 'x509-svid + txn-token + signed context';

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
  readonly #log: Log;
  #failing = false;

  constructor(workload: GateWorkload, clock: Clock, random: Random, log: Log) {
    this.#workload = workload;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
  }

  /** Throws `LIMIT_EXCEEDED` while receipts are not taken: what could leave none must not begin. */
  assertTaken(): void {
    if (this.#failing) throw new Fault('LIMIT_EXCEEDED', 'too many receipts wait for the agent');
  }

  began(): { readonly at: number; readonly monotonic: number } {
    return { at: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }

  /** Reports a link; hands back the receipt's id. */
  leave(link: Link): string {
    const { began = this.began(), context } = link;
    const { id: self } = this.#workload;
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
    this.#report(receipt);
    return receipt.id;
  }

  #report(receipt: Receipt): void {
    try {
      this.#workload.report(receipt);
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      this.#log.error('a receipt was not taken', { id: receipt.id, code: receipt.code, error });
    }
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
