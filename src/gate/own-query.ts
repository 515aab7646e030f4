import { Fault } from '#kernel';
import { type ErrorFields, parseErrorFields } from './error-fields.ts';

/** Collects the answer to a query of the gate's own, sent on a client's connection inside the client's transaction. */
export class OwnQuery {
  readonly rows: (readonly string[])[] = [];
  error: ErrorFields | undefined;
  readonly #resolve: () => void;
  readonly done: Promise<void>;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
  }

  /** Takes a message of the answer; false for one that is the client's (notices, parameters). */
  take(type: string, body: Buffer): boolean {
    if (type === 'D') this.rows.push(readRow(body));
    else if (type === 'E') this.error = parseErrorFields(body);
    else if (type === 'Z') this.#resolve();
    else return type === 'T' || type === 'C';
    return true;
  }

  /** The connection is gone: whoever waits is told so. */
  abandon(): void {
    this.error = new Map([['C', '08006']]);
    this.#resolve();
  }
}

/** Values of a DataRow in text form; NULL reads as an empty text. */
function readRow(body: Buffer): readonly string[] {
  const values: string[] = [];
  let offset = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(offset);
    const end = offset + 4 + Math.max(0, length);
    if (end > body.length) throw new Fault('INTERNAL_ERROR', 'the database sent a row that cannot be read');
    values.push(body.toString('utf8', offset + 4, end));
    offset = end;
  }
  return values;
}
