import { Fault, LIMITS } from '#kernel';

/** What the server sends: messages that the gate reads, whole; everything else in pieces, as it comes. */
export type BackendPiece =
  | { readonly kind: 'message'; readonly type: string; readonly body: Buffer; readonly bytes: Buffer }
  /** `last`: the message that it is a piece of ends with it. */
  | { readonly kind: 'piece'; readonly bytes: Buffer; readonly last: boolean };

/** Cuts what the server sends. Rows are passed through without being held, whatever their size; `read` names the types to be held. */
export class BackendReader {
  readonly #read: Set<string>;
  #held: Buffer = Buffer.alloc(0);
  #passing = 0;

  constructor(read: Iterable<string>) {
    this.#read = new Set(read);
  }

  /** Holds messages of one more type from now on, or no longer. */
  hold(type: string, held: boolean): void {
    if (held) this.#read.add(type);
    else this.#read.delete(type);
  }

  *push(chunk: Buffer): Generator<BackendPiece> {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (let piece = this.#take(); piece !== undefined; piece = this.#take()) yield piece;
  }

  #take(): BackendPiece | undefined {
    if (this.#passing > 0) return this.#pass();
    if (this.#held.length < 5) return undefined;
    const type = String.fromCharCode(this.#held[0] ?? 0);
    const size = this.#held.readUInt32BE(1) + 1;
    if (!this.#read.has(type)) {
      this.#passing = size;
      return this.#pass();
    }
    if (size > LIMITS.databaseMessageBytes.value)
      throw new Fault('LIMIT_EXCEEDED', 'a message of the database is too long');
    if (this.#held.length < size) return undefined;
    const bytes = this.#cut(size);
    return { kind: 'message', type, body: bytes.subarray(5), bytes };
  }

  #pass(): BackendPiece | undefined {
    if (this.#held.length === 0) return undefined;
    const bytes = this.#cut(Math.min(this.#passing, this.#held.length));
    this.#passing -= bytes.length;
    return { kind: 'piece', bytes, last: this.#passing === 0 };
  }

  #cut(size: number): Buffer {
    const bytes = this.#held.subarray(0, size);
    this.#held = this.#held.subarray(size);
    return bytes;
  }
}
