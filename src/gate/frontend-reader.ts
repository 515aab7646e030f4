import { Fault, LIMITS } from '#kernel';

export interface FrontendMessage {
  readonly type: string;
  readonly body: Buffer;
  /** The message as it came, head and body. */
  readonly bytes: Buffer;
}

/** Cuts what a client sends into whole messages. Throws `LIMIT_EXCEEDED` as soon as a length says that one would be too long. */
export class FrontendReader {
  #chunks: Buffer[] = [];
  #length = 0;

  *push(chunk: Buffer): Generator<FrontendMessage> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (let size = this.#next(); size !== undefined; size = this.#next()) {
      const held = this.#join();
      const bytes = held.subarray(0, size);
      this.#chunks = held.length > size ? [held.subarray(size)] : [];
      this.#length = held.length - size;
      yield { type: String.fromCharCode(bytes[0] ?? 0), body: bytes.subarray(5), bytes };
    }
  }

  /** Size of the next message if all of it is here. */
  #next(): number | undefined {
    if (this.#length < 5) return undefined;
    if ((this.#chunks[0]?.length ?? 0) < 5) this.#join();
    const length = this.#chunks[0]?.readUInt32BE(1) ?? 0;
    if (length < 4 || length > LIMITS.databaseMessageBytes.value) {
      throw new Fault('LIMIT_EXCEEDED', 'a message of the database protocol is too long or malformed');
    }
    return this.#length >= length + 1 ? length + 1 : undefined;
  }

  #join(): Buffer {
    const [only, second] = this.#chunks;
    if (only !== undefined && second === undefined) return only;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
