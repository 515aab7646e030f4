import { Fault, LIMITS } from '#kernel';

const HEADER = 5;

/** One gRPC message: no compression, four bytes of length (gRPC over HTTP/2, Length-Prefixed-Message). */
export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEADER);
  return frame;
}

/**
 * Cuts a byte stream into messages. Lengths are checked before anything is kept. Throws `LIMIT_EXCEEDED`, `ARGUMENT_INVALID`, and what `hold`
 * throws, which is told of bytes before they are kept for a message that is not whole, and (less than none) when they are no more.
 */
export class FrameDecoder {
  readonly #limitBytes: number;
  readonly #hold: (bytes: number) => void;
  /** Room for what is pending, which grows by doubling: neither many small pieces nor their copies may cost more than the bytes. */
  #room: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(limitBytes: number = LIMITS.grpcMessageBytes.value, hold: (bytes: number) => void = () => {}) {
    this.#limitBytes = limitBytes;
    this.#hold = hold;
  }

  /** Of a message that is not whole. */
  get pendingBytes(): number {
    return this.#length;
  }

  clear(): void {
    this.#keep(Buffer.alloc(0));
  }

  push(chunk: Uint8Array): Buffer[] {
    if (this.#isOneMessage(chunk)) return [Buffer.from(chunk.subarray(HEADER))];
    const pending = this.#append(chunk);
    const messages: Buffer[] = [];
    let at = 0;
    while (pending.length - at >= HEADER) {
      const end = at + HEADER + this.#messageLength(pending, at);
      if (end > pending.length) break;
      messages.push(pending.subarray(at + HEADER, end));
      at = end;
    }
    if (at > 0) {
      // The messages keep the room that they were read into.
      this.#keep(Buffer.from(pending.subarray(at)));
    }
    return messages;
  }

  #keep(room: Buffer): void {
    this.#hold(room.length - this.#room.length);
    this.#room = room;
    this.#length = room.length;
  }

  #append(chunk: Uint8Array): Buffer {
    const [before, length] = [this.#length, this.#length + chunk.length];
    if (length > this.#room.length) {
      const size = before === 0 ? length : Math.max(length, Math.min(2 * this.#room.length, HEADER + this.#limitBytes));
      this.#hold(size - this.#room.length);
      const room = Buffer.allocUnsafe(size);
      room.set(this.#room.subarray(0, before));
      this.#room = room;
    }
    this.#room.set(chunk, before);
    this.#length = length;
    return this.#room.subarray(0, length);
  }

  /** As nearly every chunk is: no room is made for it. */
  #isOneMessage(chunk: Uint8Array): boolean {
    const isAlone = this.#length === 0 && chunk.length >= HEADER;
    return isAlone && HEADER + this.#messageLength(chunk, 0) === chunk.length;
  }

  #messageLength(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== 0) throw new Fault('ARGUMENT_INVALID', 'compressed messages are not accepted');
    let length = 0;
    for (let place = at + 1; place < at + HEADER; place++) length = length * 256 + (bytes[place] ?? 0);
    if (length > this.#limitBytes) throw new Fault('LIMIT_EXCEEDED', 'a message is larger than the limit');
    return length;
  }
}
