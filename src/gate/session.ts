import type { Duplex } from 'node:stream';
import { isReasonCode, type ReasonCodeName } from '#chain';
import { Fault, isFault, type Log, toFault } from '#kernel';
import type { Backend } from './backend.ts';
import type { BackendPiece } from './backend-reader.ts';
import { errorResponse } from './error-fields.ts';
import { type FrontendMessage, FrontendReader } from './frontend-reader.ts';
import { commandComplete, parseMessage, queryMessage, readCstring, readyForQuery, terminate } from './messages.ts';
import { OwnQueries } from './own-queries.ts';
import { Pending } from './pending.ts';
import { misplaced, Refusals, refusalOf } from './refusals.ts';
import { type ContextParts, setContext } from './set-context.ts';
import { NO_CONTEXT_STATE, sqlStateOf } from './sql-state.ts';
import { mentionsToken, readStatement, type Statement } from './statements.ts';
import { type Guest, Transactions } from './transactions.ts';
import { write } from './write.ts';

export interface SessionParts extends ContextParts, Guest {
  readonly client: Duplex;
  readonly backend: Backend;
  readonly log: Log;
  /** Stops what the server is doing for this session. */
  readonly cancel: () => void;
}

/** Bind, Close, Describe, Execute, Flush, Sync, function call, COPY's data, end and failure, Terminate. */
const PASSED_ON = new Set([...'BCDEHSFdcfX']);
const LINGER_MILLIS = 1000;
const TRACEPARENT_LENGTH = 55;

/**
 * One client at one connection of the server. What the client says passes on, but for the two settings that the gate takes for
 * itself and the statements that it refuses; what the server says passes back, but for Hauberk's own errors and notices.
 */
export class Session {
  readonly #parts: SessionParts;
  readonly #refusals: Refusals;
  readonly #transactions: Transactions;
  readonly #pending: Pending;
  readonly #queries: OwnQueries;
  #midMessage = false;
  #ended = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts.receipts, parts);
    this.#transactions = new Transactions(parts.receipts, this.#refusals, parts);
    this.#pending = new Pending(parts.clock);
    this.#queries = new OwnQueries(parts.backend);
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
    const code: ReasonCodeName = isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
    const id = this.#refusals.leave(code, this.#transactions.current);
    const told = { severity: 'FATAL', sqlState: sqlStateOf(code), code, sentence: fault.message, id } as const;
    if (!this.#midMessage) this.#parts.client.write(errorResponse(told));
    // A statement under way would go on, and might even commit, until the server next looks at its client.
    if (this.#pending.isBusy) this.#parts.cancel();
    this.#close();
  }

  /** Throws `TOKEN_REVOKED` when the user behind the transaction under way, their session or their token has been revoked. */
  assertUserStands(): void {
    const { context } = this.#transactions.current;
    if (context !== undefined && this.#parts.workload.isRevoked(this.#parts.trustDomain, context.subject))
      throw new Fault('TOKEN_REVOKED', 'the user, session or token has been revoked');
  }

  #broken(error: unknown): void {
    if (this.#ended) return;
    if (isFault(error)) this.end(error);
    else this.#parts.log.debug('a database session broke off', { error });
  }

  #close(): void {
    const { client, backend } = this.#parts;
    this.#ended = true;
    this.#transactions.finish('unfinished');
    this.#queries.abandon();
    this.#pending.abandon();
    if (!backend.stream.destroyed) backend.stream.end(terminate());
    if (!client.destroyed) client.end();
    client.resume();
    setTimeout(() => {
      client.destroy();
      backend.stream.destroy();
    }, LINGER_MILLIS).unref();
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

  async #take(message: FrontendMessage): Promise<void> {
    if (this.#ended) return;
    const { type, body, bytes } = message;
    if (type === 'Q') return this.#takeQuery(message, readCstring(body, 0)?.text ?? '');
    if (type === 'P') return this.#takeParse(message);
    if (!PASSED_ON.has(type)) throw new Fault('ARGUMENT_INVALID', 'no such message is passed on');
    if (mentionsToken(body.toString('latin1'))) throw misplaced();
    await this.#forward(type, bytes);
  }

  async #takeQuery(message: FrontendMessage, sql: string): Promise<void> {
    const statement = readStatement(sql);
    switch (statement.kind) {
      case 'txn-token':
      case 'traceparent':
        return this.#takeSetting(statement);
      case 'role-change':
      case 'forbidden':
      case 'misplaced':
        return this.#refuse(refusalOf(statement.kind));
      case 'other':
        return this.#forward('Q', message.bytes);
    }
  }

  async #takeParse(message: FrontendMessage): Promise<void> {
    const name = readCstring(message.body, 0);
    const sql = name === undefined ? undefined : readCstring(message.body, name.next);
    if (name === undefined || sql === undefined) throw new Fault('ARGUMENT_INVALID', 'a statement cannot be read');
    if (mentionsToken(name.text)) throw misplaced();
    const { kind } = readStatement(sql.text);
    if (kind === 'other') return this.#forward('P', message.bytes);
    const fault = refusalOf(kind === 'role-change' || kind === 'forbidden' ? kind : 'misplaced');
    const failing = this.#refusals.statementFor(fault, this.#transactions.current);
    await this.#forward('P', parseMessage(name.text, failing));
  }

  /** The server raises the refusal itself, so that its transaction fails as after any other error. */
  #refuse(fault: Fault): Promise<void> {
    return this.#forward('Q', queryMessage(this.#refusals.statementFor(fault, this.#transactions.current)));
  }

  async #takeSetting(statement: Extract<Statement, { kind: 'txn-token' | 'traceparent' }>): Promise<void> {
    // In a failed transaction the server refuses every statement, and so the one that stands for this.
    if (!(await this.#pending.untilIdle()) || this.#pending.status !== 'T') return this.#refuse(misplaced());
    try {
      if (statement.kind === 'traceparent') this.#setTraceparent(statement.value);
      else await this.#setContext(statement.token);
    } catch (error) {
      return this.#ended ? undefined : this.#refuse(toFault(error));
    }
    await this.#toClient(Buffer.concat([commandComplete('SET'), readyForQuery(this.#pending.status)]));
  }

  async #setContext(token: string): Promise<void> {
    await setContext(token, this.#parts, this.#queries, this.#transactions);
    // It may have been revoked while the server was asked.
    this.assertUserStands();
  }

  #setTraceparent(value: string): void {
    const { current } = this.#transactions;
    if (current.traceparent !== undefined) throw misplaced();
    current.traceparent = value.slice(0, TRACEPARENT_LENGTH + 1);
  }

  async #relay(piece: BackendPiece): Promise<void> {
    if (piece.kind === 'piece') {
      this.#midMessage = !piece.last;
      return this.#toClient(piece.bytes);
    }
    const { type, body, bytes } = piece;
    if (type === 'Z') this.#pending.status = body.toString('latin1', 0, 1);
    if (this.#queries.take(type, body)) return;
    switch (type) {
      case 'Z':
        return this.#onReady(bytes);
      case 'C':
        return this.#onCommand(bytes, body.toString('utf8', 0, body.length - 1));
      case 'E':
        return this.#toClient(this.#refusals.rewrite(bytes, body, this.#transactions.current));
      case 'N':
        return this.#onNotice(bytes, body);
      case 'T':
        this.#transactions.current.onRowDescription(body);
        break;
      case 'G':
        this.#pending.onCopyIn();
    }
    await this.#toClient(bytes);
  }

  /** The notice of the verifying function is not the client's: it is told by the gate's own, once and with an id. */
  async #onNotice(bytes: Buffer, body: Buffer): Promise<void> {
    if (this.#refusals.stateOf(body) === NO_CONTEXT_STATE) this.#transactions.workedWithoutContext();
    else await this.#toClient(bytes);
  }

  async #onCommand(bytes: Buffer, tag: string): Promise<void> {
    this.#transactions.current.onCommand(tag);
    if (tag === 'COMMIT') await this.#finish('commit');
    await this.#toClient(bytes);
  }

  async #onReady(bytes: Buffer): Promise<void> {
    if (this.#pending.status === 'I') await this.#finish('rollback');
    else await this.#tellNoContext();
    await this.#toClient(bytes);
    this.#pending.onReady();
  }

  async #finish(action: 'commit' | 'rollback'): Promise<void> {
    await this.#tellNoContext();
    this.#transactions.finish(action);
  }

  async #tellNoContext(): Promise<void> {
    const notice = this.#transactions.noContextNotice();
    if (notice !== undefined) await this.#toClient(notice);
  }

  #forward(type: string, bytes: Buffer): Promise<void> {
    this.#pending.onForward(type);
    return write(this.#parts.backend.stream, bytes);
  }

  #toClient(bytes: Buffer): Promise<void> {
    return this.#ended ? Promise.resolve() : write(this.#parts.client, bytes);
  }
}
