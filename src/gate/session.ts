import type { Duplex } from 'node:stream';
import { isReasonCode, type ReasonCodeName, reasonCode } from '#chain';
import { type Clock, Fault, isFault, LIMITS, type Log, toFault } from '#kernel';
import type { Backend } from './backend.ts';
import type { BackendPiece } from './backend-reader.ts';
import type { ContextSigner } from './context-signer.ts';
import { errorResponse } from './error-fields.ts';
import { type FrontendMessage, FrontendReader } from './frontend-reader.ts';
import type { GateWorkload, TxnContext } from './gate-workload.ts';
import { commandComplete, parseMessage, queryMessage, readCstring, readyForQuery, terminate } from './messages.ts';
import { OwnQuery } from './own-query.ts';
import type { Receipts } from './receipts.ts';
import { Refusals } from './refusals.ts';
import { NO_CONTEXT_STATE, sqlStateOf } from './sql-state.ts';
import { mentionsToken, readStatement, type Statement } from './statements.ts';
import { Transaction } from './transaction.ts';
import { write } from './write.ts';

export interface SessionParts {
  readonly client: Duplex;
  readonly backend: Backend;
  readonly workload: GateWorkload;
  readonly signer: ContextSigner;
  readonly receipts: Receipts;
  readonly clock: Clock;
  readonly log: Log;
  /** SPIFFE ID of the client, as verified. */
  readonly peer: string;
  readonly trustDomain: string;
  readonly role: string;
  readonly database: string;
}

const PROOF = 'x509-svid + txn-token + signed context';
const IDLE_MILLIS = 30_000;
const WHERE_AND_WHEN =
  'SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id()::pg_catalog.text, ' +
  "pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.text";

/**
 * One client at one connection of the server. What the client says passes on, but for the two settings that the gate takes for
 * itself and the statements that it refuses; what the server says passes back, but for Hauberk's own errors and notices.
 */
export class Session {
  readonly #parts: SessionParts;
  readonly #refusals: Refusals;
  #transaction = new Transaction();
  #began: { readonly at: number; readonly monotonic: number } | undefined;
  /** Of the last ReadyForQuery: idle, in a transaction, in a failed one. */
  #status = 'I';
  /** ReadyForQuery messages that are still to come. */
  #outstanding = 0;
  /** Extended-protocol messages since the last Sync. */
  #unsynced = false;
  #own: OwnQuery | undefined;
  #idle: (() => void) | undefined;
  #midMessage = false;
  #ended = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts.receipts, parts);
  }

  /** Relays until either side ends. */
  async run(): Promise<void> {
    const ways = [this.#readClient(), this.#readBackend()].map((way) =>
      way.catch((error: unknown) => this.#broken(error)).finally(() => this.#close()),
    );
    await Promise.all(ways);
  }

  /** Ends the session with a reason, as far as the protocol still lets it be told. */
  end(fault: Fault): void {
    if (this.#ended) return;
    this.#ended = true;
    const { client, receipts, peer, role, database } = this.#parts;
    const code: ReasonCodeName = isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
    const { context } = this.#transaction;
    const id = receipts.leave({ effect: 'deny', code, peer, role, context, resource: database });
    const sentence = fault.message;
    if (!this.#midMessage)
      client.write(errorResponse({ severity: 'FATAL', sqlState: sqlStateOf(code), code, sentence, id }));
    this.#close();
  }

  async #readClient(): Promise<void> {
    const reader = new FrontendReader();
    // Left open when the loop ends by a refusal, which is still to be told.
    for await (const chunk of this.#parts.client.iterator({ destroyOnReturn: false })) {
      for (const message of reader.push(chunk)) await this.#take(message);
    }
  }

  async #readBackend(): Promise<void> {
    for await (const piece of this.#parts.backend.pieces) await this.#relay(piece);
  }

  #broken(error: unknown): void {
    if (this.#ended) return;
    if (isFault(error)) this.end(error);
    else this.#parts.log.debug('a database session broke off', { error });
  }

  #close(): void {
    const { client, backend } = this.#parts;
    this.#ended = true;
    this.#leaveAllowed(false);
    this.#own?.abandon();
    this.#idle?.();
    if (!backend.stream.destroyed) backend.stream.end(terminate());
    if (!client.destroyed) client.end();
    client.resume();
    setTimeout(() => {
      client.destroy();
      backend.stream.destroy();
    }, 1000).unref();
  }

  async #take(message: FrontendMessage): Promise<void> {
    if (this.#ended) return;
    const { type, body } = message;
    if (type === 'Q') return this.#takeQuery(message, readCstring(body, 0)?.text ?? '');
    if (type === 'P') return this.#takeParse(message);
    if (mentionsToken(body.toString('latin1'))) throw misplaced();
    if (type === 'S' || type === 'F') this.#outstanding += 1;
    this.#unsynced = type !== 'S' && (this.#unsynced || 'BDECH'.includes(type));
    await this.#toBackend(message.bytes);
  }

  async #takeQuery(message: FrontendMessage, sql: string): Promise<void> {
    const statement = readStatement(sql);
    switch (statement.kind) {
      case 'txn-token':
      case 'traceparent':
        return this.#takeSetting(statement);
      case 'role-change':
        return this.#refuse(roleChange());
      case 'misplaced':
        return this.#refuse(misplaced());
      case 'other':
        this.#outstanding += 1;
        return this.#toBackend(message.bytes);
    }
  }

  async #takeParse(message: FrontendMessage): Promise<void> {
    const name = readCstring(message.body, 0);
    const sql = name === undefined ? undefined : readCstring(message.body, name.next);
    if (name === undefined || sql === undefined) throw new Fault('ARGUMENT_INVALID', 'a statement cannot be read');
    if (mentionsToken(name.text)) throw misplaced();
    this.#unsynced = true;
    const { kind } = readStatement(sql.text);
    if (kind === 'other') return this.#toBackend(message.bytes);
    const fault = kind === 'role-change' ? roleChange() : misplaced();
    await this.#toBackend(parseMessage(name.text, this.#refusals.statementFor(fault, this.#transaction)));
  }

  /** The server raises the refusal itself, so that its transaction fails as after any other error. */
  async #refuse(fault: Fault): Promise<void> {
    this.#outstanding += 1;
    await this.#toBackend(queryMessage(this.#refusals.statementFor(fault, this.#transaction)));
  }

  async #takeSetting(statement: Extract<Statement, { kind: 'txn-token' | 'traceparent' }>): Promise<void> {
    if (!(await this.#untilIdle()) || this.#status === 'I') return this.#refuse(misplaced());
    // In a failed transaction the server refuses every statement, this one too.
    if (this.#status === 'E') return this.#refuse(misplaced());
    try {
      if (statement.kind === 'traceparent') this.#setTraceparent(statement.value);
      else await this.#setContext(statement.token);
    } catch (error) {
      if (this.#ended) return;
      return this.#refuse(toFault(error));
    }
    await write(this.#parts.client, Buffer.concat([commandComplete('SET'), readyForQuery(this.#status)]));
  }

  #setTraceparent(value: string): void {
    if (this.#transaction.traceparent !== undefined) throw misplaced();
    this.#transaction.traceparent = value.slice(0, 64);
  }

  async #setContext(token: string): Promise<void> {
    const began = this.#parts.receipts.began();
    if (token.length > LIMITS.tokenBytes.value) throw new Fault('LIMIT_EXCEEDED', 'the token is too long');
    const { workload, trustDomain, role, signer, clock, receipts } = this.#parts;
    receipts.assertTaken();
    const context = await workload.verifyTxnToken(token, trustDomain);
    const [pid = '', xid = '', now = ''] = await this.#ask(WHERE_AND_WHEN);
    if (this.#transaction.context !== undefined) {
      if (this.#transaction.xid === xid) throw misplaced();
      this.#leaveAllowed(false);
      this.#transaction = new Transaction();
    }
    // What is left of the token, by the database's clock: the two clocks need not agree.
    const exp = Number(now) + Math.max(0, context.expiresAt - clock.now()) / 1000;
    const { txn, user, tenant } = context;
    const signed = signer.sign({ txn, user, tenant, role, pid: Number(pid), xid, exp });
    await this.#ask(`SELECT pg_catalog.set_config('hauberk.context', '${signed}', true)`);
    this.#transaction.context = context;
    this.#transaction.xid = xid;
    this.#began = began;
  }

  /** Asks the server something inside the client's transaction; the first row. */
  async #ask(sql: string): Promise<readonly string[]> {
    const { reader } = this.#parts.backend;
    const own = new OwnQuery();
    this.#own = own;
    reader.hold('D', true);
    await this.#toBackend(queryMessage(sql));
    await own.done;
    reader.hold('D', false);
    this.#own = undefined;
    if (own.error !== undefined) throw new Fault('DATABASE_UNAVAILABLE', 'the database did not take the context');
    return own.rows[0] ?? [];
  }

  /** True when everything that was forwarded has been answered. */
  async #untilIdle(): Promise<boolean> {
    if (this.#unsynced) return false;
    if (this.#outstanding === 0) return true;
    const { clock } = this.#parts;
    await new Promise<void>((go) => {
      const late = clock.at(clock.now() + IDLE_MILLIS, go);
      this.#idle = () => {
        late.cancel();
        go();
      };
    });
    this.#idle = undefined;
    return this.#outstanding === 0;
  }

  async #relay(piece: BackendPiece): Promise<void> {
    if (piece.kind === 'piece') {
      this.#midMessage = !piece.last;
      return this.#toClient(piece.bytes);
    }
    const { type, body, bytes } = piece;
    if (type === 'Z') this.#status = body.toString('latin1', 0, 1);
    if (this.#own?.take(type, body) === true) return;
    if (type === 'Z') return this.#onReady(bytes);
    if (type === 'E') return this.#toClient(this.#refusals.rewrite(bytes, body, this.#transaction));
    if (type === 'N' && this.#isNoContext(body)) return;
    if (type === 'T') this.#transaction.onRowDescription(body);
    if (type === 'G' && this.#outstanding > 1) this.#outstanding -= 1;
    if (type === 'C') await this.#onCommand(body.toString('utf8', 0, body.length - 1));
    await this.#toClient(bytes);
  }

  #isNoContext(body: Buffer): boolean {
    const is = this.#refusals.stateOf(body) === NO_CONTEXT_STATE;
    if (is) this.#transaction.touched = true;
    return is;
  }

  async #onCommand(tag: string): Promise<void> {
    this.#transaction.onCommand(tag);
    if (tag === 'COMMIT') await this.#finish(true);
  }

  async #onReady(bytes: Buffer): Promise<void> {
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    if (this.#status === 'I') await this.#finish(false);
    else await this.#tellNoContext();
    await this.#toClient(bytes);
    if (this.#outstanding === 0) this.#idle?.();
  }

  async #finish(committed: boolean): Promise<void> {
    await this.#tellNoContext();
    this.#leaveAllowed(committed);
    this.#transaction = new Transaction();
  }

  async #tellNoContext(): Promise<void> {
    if (!this.#transaction.lacksContext()) return;
    const id = this.#refusals.leave('DATABASE_NO_CONTEXT', this.#transaction);
    const { meaning: sentence } = reasonCode('DATABASE_NO_CONTEXT');
    const told = { severity: 'NOTICE', sqlState: NO_CONTEXT_STATE, code: 'DATABASE_NO_CONTEXT', sentence, id } as const;
    await this.#toClient(errorResponse(told));
  }

  #leaveAllowed(committed: boolean): void {
    const { context, traceparent } = this.#transaction;
    if (context === undefined) return;
    this.#transaction.context = undefined;
    const { receipts, peer, role, database } = this.#parts;
    const action = committed ? 'commit' : 'rollback';
    const about: { context: TxnContext; traceparent: string | undefined } = { context, traceparent };
    const where = { peer, role, resource: database, proof: PROOF, began: this.#began };
    receipts.leave({ effect: 'allow', code: 'ALLOWED', action, ...where, ...about });
  }

  #toBackend(bytes: Buffer): Promise<void> {
    return write(this.#parts.backend.stream, bytes);
  }

  #toClient(bytes: Buffer): Promise<void> {
    return this.#ended ? Promise.resolve() : write(this.#parts.client, bytes);
  }
}

function misplaced(): Fault {
  return new Fault('DATABASE_CONTEXT_MISPLACED', reasonCode('DATABASE_CONTEXT_MISPLACED').meaning);
}

function roleChange(): Fault {
  return new Fault('DATABASE_ROLE_CHANGE', reasonCode('DATABASE_ROLE_CHANGE').meaning);
}
