import { isReasonCode, type ReasonCodeName, reasonCode } from '#chain';
import { Fault } from '#kernel';
import { type ErrorFields, errorResponse, parseErrorFields } from './error-fields.ts';
import { PROOF, type Receipts } from './receipts.ts';
import { CONTEXT_STATES, sqlStateOf } from './sql-state.ts';
import type { Transaction } from './transaction.ts';

interface Refused {
  readonly code: ReasonCodeName;
  readonly sentence: string;
}

/** Name of a column that no table has: PostgreSQL's error repeats it, in whatever language it speaks. */
const REFUSED_MARK = 'hauberk:';
const REFUSED = /hauberk:([0-9a-f]{32})/;
const UNDEFINED_COLUMN = '42703';
/** Refusals that have been sent to the server but not come back; more than this are forgotten, oldest first. */
const KEPT = 64;

/** Turns refusals of the gate and of the server into what the client is told, each with its receipt. */
export class Refusals {
  readonly #receipts: Receipts;
  readonly #who: { readonly peer: string; readonly role: string; readonly database: string };
  readonly #pending = new Map<string, Refused>();

  constructor(receipts: Receipts, who: { readonly peer: string; readonly role: string; readonly database: string }) {
    this.#receipts = receipts;
    this.#who = who;
  }

  leave(code: ReasonCodeName, { context, traceparent }: Transaction): string {
    const { peer, role, database: resource } = this.#who;
    const proof = context === undefined ? 'x509-svid' : PROOF;
    return this.#receipts.leave({ effect: 'deny', code, peer, role, resource, proof, context, traceparent });
  }

  /**
   * A statement that makes the server fail, in place of the one refused: as soon as it is parsed, whatever is bound to it. It carries the
   * receipt's id and nothing else.
   */
  statementFor(fault: Fault, transaction: Transaction): string {
    const code = isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
    const id = this.leave(code, transaction);
    for (const [oldest] of this.#pending) if (this.#pending.size >= KEPT) this.#pending.delete(oldest);
    this.#pending.set(id, { code, sentence: fault.message });
    return `SELECT "${REFUSED_MARK}${id}"`;
  }

  stateOf(body: Buffer): string | undefined {
    return parseErrorFields(body).get('C');
  }

  /** The server's error as the client gets it: Hauberk's own with code and id, any other as it came. */
  rewrite(bytes: Buffer, body: Buffer, transaction: Transaction): Buffer {
    const fields = parseErrorFields(body);
    const state = fields.get('C') ?? '';
    const id = state === UNDEFINED_COLUMN ? (REFUSED.exec(fields.get('M') ?? '')?.[1] ?? '') : '';
    const pending = this.#pending.get(id);
    if (pending !== undefined) return tell(pending, id);
    const code = CONTEXT_STATES.get(state) ?? privilegeCode(state, fields, transaction);
    if (code === undefined) return bytes;
    if (code === 'DATABASE_NO_CONTEXT') transaction.reported = true;
    return tell({ code, sentence: reasonCode(code).meaning }, this.leave(code, transaction));
  }
}

function privilegeCode(state: string, fields: ErrorFields, transaction: Transaction): ReasonCodeName | undefined {
  if (state !== '42501') return undefined;
  const sentence = fields.get('M') ?? '';
  if (/^permission denied to set (?:role|session authorization)/.test(sentence)) return 'DATABASE_ROLE_CHANGE';
  const bySecurity = sentence.includes('row-level security policy');
  return bySecurity && transaction.context === undefined ? 'DATABASE_NO_CONTEXT' : 'DATABASE_ACCESS_DENIED';
}

function tell({ code, sentence }: Refused, id: string): Buffer {
  return errorResponse({ severity: 'ERROR', sqlState: sqlStateOf(code), code, sentence, id });
}

export function misplaced(): Fault {
  return refusalOf('misplaced');
}

const CODES = {
  'role-change': 'DATABASE_ROLE_CHANGE',
  forbidden: 'DATABASE_ACCESS_DENIED',
  misplaced: 'DATABASE_CONTEXT_MISPLACED',
} as const;

export function refusalOf(kind: keyof typeof CODES): Fault {
  return new Fault(CODES[kind], reasonCode(CODES[kind]).meaning);
}
