import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Fault } from '#kernel';
import type { LedgerTables } from './ledger-tables.ts';
import type { RegistryTables } from './registry-tables.ts';

export interface Question {
  readonly id: number;
  readonly database: number;
  readonly method: string;
  readonly values: readonly unknown[];
}

export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly fault: { readonly code: string; readonly message: string } }
  | { readonly failure: { readonly message: string; readonly sqlite: number } }
);

interface Tables {
  readonly registry: RegistryTables;
  readonly ledger: LedgerTables;
}

/** SQLite result codes (primary ones): the row is there already; the disk is full. */
const CONSTRAINT = 19;
const FULL = 13;

/** One database of the worker thread. node:sqlite blocks its thread, so that no request may share it. */
export class DatabaseWorker<K extends keyof Tables> {
  readonly #thread: Thread;
  readonly #database: number;
  #closed: Promise<void> | undefined;

  private constructor(thread: Thread, database: number) {
    this.#thread = thread;
    this.#database = database;
  }

  static async open<K extends keyof Tables>(kind: K, file: string): Promise<DatabaseWorker<K>> {
    const thread = Thread.of();
    const opened = new DatabaseWorker<K>(thread, thread.take());
    try {
      await thread.ask(opened.#database, 'open', [kind, file]);
    } catch (error) {
      await thread.release();
      throw error;
    }
    return opened;
  }

  /** Calls a method of the tables. Their faults come back as faults; anything else is `STORE_UNAVAILABLE`. */
  call<M extends keyof Tables[K]>(
    method: M,
    ...values: Tables[K][M] extends (...values: infer V) => unknown ? V : never
  ): Promise<Tables[K][M] extends (...values: never) => infer R ? R : never> {
    // The worker runs the method of this name.
    return this.#thread.ask(this.#database, String(method), values) as Promise<never>;
  }

  close(): Promise<void> {
    this.#closed ??= this.#thread.ask(this.#database, 'close', []).then(() => this.#thread.release());
    return this.#closed;
  }
}

/** The process's one worker thread: started with the first database, ended with the last. */
class Thread {
  static #only: Thread | undefined;

  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;
  #databases = 0;
  #holders = 0;
  #ended: Fault | undefined;

  private constructor() {
    const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(join(import.meta.dirname, `worker.${extension}`), { name: 'sqlite' });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#answer(answer));
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.on('exit', () => this.#end(undefined));
  }

  static of(): Thread {
    Thread.#only ??= new Thread();
    Thread.#only.#holders++;
    return Thread.#only;
  }

  take(): number {
    return this.#databases++;
  }

  async release(): Promise<void> {
    if (--this.#holders > 0) return;
    if (Thread.#only === this) Thread.#only = undefined;
    await this.#worker.terminate();
  }

  ask(database: number, method: string, values: readonly unknown[]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#asked++;
    // Whoever waits for an answer keeps the process alive; a store that stands by does not.
    if (this.#waiting.size === 0) this.#worker.ref();
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, (answer) => {
        if ('value' in answer) resolve(answer.value);
        else reject('fault' in answer ? new Fault(answer.fault.code, answer.fault.message) : failure(answer.failure));
      });
    });
    this.#worker.postMessage({ id, database, method, values } satisfies Question);
    return answered;
  }

  #answer(answer: Answer): void {
    const settle = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    settle?.(answer);
  }

  #end(cause: unknown): void {
    this.#ended ??= new Fault('STORE_UNAVAILABLE', 'the thread of the database has ended', { cause });
    for (const [id, settle] of this.#waiting)
      settle({ id, fault: { code: this.#ended.code, message: this.#ended.message } });
    this.#waiting.clear();
  }
}

function failure({ message, sqlite }: { readonly message: string; readonly sqlite: number }): Fault {
  const options = { cause: message };
  switch (sqlite & 0xff) {
    case CONSTRAINT:
      return new Fault('ALREADY_EXISTS', 'the row exists already', options);
    case FULL:
      return new Fault('STORE_UNAVAILABLE', 'the disk of the database is full', options);
    default:
      return new Fault('STORE_UNAVAILABLE', 'the database did not do what was asked', options);
  }
}
