import { reasonCode } from '#chain';
import { errorResponse } from './error-fields.ts';
import type { TxnContext } from './gate-workload.ts';
import { PROOF, type Receipts } from './receipts.ts';
import type { Refusals } from './refusals.ts';
import { NO_CONTEXT_STATE } from './sql-state.ts';
import { Transaction } from './transaction.ts';

export interface Guest {
  /** SPIFFE ID of the client, as verified. */
  readonly peer: string;
  readonly role: string;
  readonly database: string;
}

/** The transactions of one session, one after another, and the receipt that each leaves. */
export class Transactions {
  readonly #receipts: Receipts;
  readonly #refusals: Refusals;
  readonly #guest: Guest;
  #current = new Transaction();
  #began: ReturnType<Receipts['began']> | undefined;

  constructor(receipts: Receipts, refusals: Refusals, guest: Guest) {
    this.#receipts = receipts;
    this.#refusals = refusals;
    this.#guest = guest;
  }

  get current(): Transaction {
    return this.#current;
  }

  /** The transaction has been given its context. */
  bind(context: TxnContext, xid: string, began: ReturnType<Receipts['began']>): void {
    this.#current.context = context;
    this.#current.xid = xid;
    this.#began = began;
  }

  /** The server saw no context where a table asked for one: one that was there has gone, by ROLLBACK TO or a transaction that began unseen. */
  workedWithoutContext(): void {
    if (this.#current.context !== undefined) this.finish('rollback');
    this.#current.touched = true;
  }

  /** Notice for a client that worked without a context, once a transaction. */
  noContextNotice(): Buffer | undefined {
    if (!this.#current.lacksContext()) return undefined;
    const code = 'DATABASE_NO_CONTEXT';
    const id = this.#refusals.leave(code, this.#current);
    return errorResponse({
      severity: 'NOTICE',
      sqlState: NO_CONTEXT_STATE,
      code,
      sentence: reasonCode(code).meaning,
      id,
    });
  }

  /** The transaction is over; `unfinished` when its end was not seen. What was done in it may have been seen, however it ended. */
  finish(action: 'commit' | 'rollback' | 'unfinished'): void {
    const { context, traceparent } = this.#current;
    this.#current = new Transaction();
    if (context === undefined) return;
    const { peer, role, database: resource } = this.#guest;
    const how = { action, proof: PROOF, began: this.#began };
    this.#receipts.leave({ effect: 'allow', code: 'ALLOWED', peer, role, resource, context, traceparent, ...how });
  }
}
