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

/** Cuts a byte stream into messages. Lengths are checked before anything is kept. Throws `LIMIT_EXCEEDED`. */
export class FrameDecoder {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): Buffer[] {
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    const messages: Buffer[] = [];
    while (this.#pending.length >= HEADER) {
      const length = this.#pending.readUInt32BE(1);
      if (this.#pending[0] !== 0) throw new Fault('ARGUMENT_INVALID', 'compressed messages are not accepted');
      if (length > LIMITS.grpcMessageBytes.value)
        throw new Fault('LIMIT_EXCEEDED', 'a message is larger than the limit');
      if (this.#pending.length < HEADER + length) break;
      messages.push(this.#pending.subarray(HEADER, HEADER + length));
      this.#pending = this.#pending.subarray(HEADER + length);
    }
    return messages;
  }
}
