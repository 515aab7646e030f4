import { Fault } from '#kernel';
import type { Backend } from './backend.ts';
import { queryMessage } from './messages.ts';
import { OwnQuery } from './own-query.ts';
import { write } from './write.ts';

/** Queries of the gate's own on a client's connection, inside the client's transaction. One at a time, while the client waits. */
export class OwnQueries {
  readonly #backend: Pick<Backend, 'stream' | 'reader'>;
  #current: OwnQuery | undefined;

  constructor(backend: Pick<Backend, 'stream' | 'reader'>) {
    this.#backend = backend;
  }

  /** The first row. Throws `DATABASE_UNAVAILABLE` when the server refuses. */
  async ask(sql: string): Promise<readonly string[]> {
    const { reader, stream } = this.#backend;
    const query = new OwnQuery();
    this.#current = query;
    reader.hold('D', true);
    await write(stream, queryMessage(sql));
    await query.done;
    reader.hold('D', false);
    this.#current = undefined;
    if (query.error !== undefined) throw new Fault('DATABASE_UNAVAILABLE', 'the database did not take the context');
    return query.rows[0] ?? [];
  }

  /** True for a message of the answer that is awaited; everything else is the client's. */
  take(type: string, body: Buffer): boolean {
    return this.#current?.take(type, body) === true;
  }

  abandon(): void {
    this.#current?.abandon();
  }
}
