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
    const pending = this.#append(chunk);
    const messages: Buffer[] = [];
    let at = 0;
    while (pending.length - at >= HEADER) {
      const end = at + HEADER + this.#messageLength(pending.subarray(at, at + HEADER));
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

  #messageLength(frame: Buffer): number {
    if (frame[0] !== 0) throw new Fault('ARGUMENT_INVALID', 'compressed messages are not accepted');
    const length = frame.readUInt32BE(1);
    if (length > this.#limitBytes) throw new Fault('LIMIT_EXCEEDED', 'a message is larger than the limit');
    return length;
  }
}
