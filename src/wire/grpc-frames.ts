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
 * Cuts a byte stream into messages. Lengths are checked before anything is kept. Throws `LIMIT_EXCEEDED`, `ARGUMENT_INVALID`.
 */
export class FrameDecoder {
  /** Room for what is pending, which grows by doubling: neither many small pieces nor their copies may cost more than the bytes. */
  #room: Buffer = Buffer.alloc(0);
  #length = 0;

  push(chunk: Uint8Array): Buffer[] {
    const pending = this.#append(chunk);
    const messages: Buffer[] = [];
    let at = 0;
    while (pending.length - at >= HEADER) {
      const end = at + HEADER + messageLength(pending.subarray(at, at + HEADER));
      if (end > pending.length) break;
      messages.push(pending.subarray(at + HEADER, end));
      at = end;
    }
    if (at > 0) {
      // The messages keep the room that they were read into.
      this.#room = Buffer.from(pending.subarray(at));
      this.#length = this.#room.length;
    }
    return messages;
  }

  #append(chunk: Uint8Array): Buffer {
    const length = this.#length + chunk.length;
    if (length > this.#room.length) {
      const room = Buffer.allocUnsafe(this.#length === 0 ? length : Math.max(length, 2 * this.#room.length));
      room.set(this.#room.subarray(0, this.#length));
      this.#room = room;
    }
    this.#room.set(chunk, this.#length);
    this.#length = length;
    return this.#room.subarray(0, length);
  }
}

function messageLength(frame: Buffer): number {
  if (frame[0] !== 0) throw new Fault('ARGUMENT_INVALID', 'compressed messages are not accepted');
  const length = frame.readUInt32BE(1);
  if (length > LIMITS.grpcMessageBytes.value) throw new Fault('LIMIT_EXCEEDED', 'a message is larger than the limit');
  return length;
}
