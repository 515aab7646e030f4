import { fixAuthority } from './hpack-authority.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const FRAME_HEAD_BYTES = 9;
const FRAME = { headers: 1, priority: 2, settings: 4, windowUpdate: 8 } as const;
const FLAG = { ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;
/** A client may send its first request with as much of a body as RFC 9113 §6.9.2 lets it, before it has seen the SETTINGS. */
const OPENING_LIMIT_BYTES = 128 * 1024;

/** The server's connection preface: an empty SETTINGS frame (RFC 9113 §3.4). */
export const EMPTY_SETTINGS = Buffer.from('000000040000000000', 'hex');

/**
 * What an HTTP/2 client says up to its first request, read before nghttp2 does. Clients that wait for the server's SETTINGS are sent
 * `EMPTY_SETTINGS`, whose acknowledgement is taken out again. grpc-java, and so java-spiffe, puts a Unix socket's path into `:authority`, where
 * nghttp2 refuses it (RFC 3986 §3.2: no `/`); the Workload API gives `:authority` no meaning, so its slashes are overwritten in place.
 * Whatever else is wrong is left for nghttp2 to refuse.
 */
export class Http2Opening {
  /** Grows by doubling: a client that sends byte by byte must not have everything copied for each. */
  #room: Buffer = Buffer.alloc(0);
  #length = 0;
  #at = PREFACE.length;
  #settingsSent = false;
  #awaitsAck = false;
  #asked = false;

  /** `ready`: give `bytes` to the HTTP/2 server. `settings`: send `EMPTY_SETTINGS`, the client waits for it. `more`: read on. */
  push(chunk: Buffer): 'ready' | 'settings' | 'more' {
    this.#append(chunk);
    const prefix = this.bytes.subarray(0, PREFACE.length);
    if (!PREFACE.subarray(0, prefix.length).equals(prefix)) return 'ready';
    if (this.#requestIsRead()) return 'ready';
    if (this.#length > OPENING_LIMIT_BYTES) return 'ready';
    if (this.#settingsSent || prefix.length < PREFACE.length) return 'more';
    this.#settingsSent = true;
    this.#awaitsAck = true;
    return 'settings';
  }

  /** Nothing has begun that is not whole: the client has said hello and may take its time. */
  get isIdle(): boolean {
    return this.#length === this.#at && !this.#asked;
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#room.length) {
      const room = Buffer.allocUnsafe(this.#length === 0 ? length : Math.max(length, 2 * this.#room.length));
      this.#room.copy(room, 0, 0, this.#length);
      this.#room = room;
    }
    chunk.copy(this.#room, this.#length);
    this.#length = length;
  }

  /** Walks whole frames; true when the first request is there and nothing of ours is left to be acknowledged. */
  #requestIsRead(): boolean {
    while (this.#at + FRAME_HEAD_BYTES <= this.#length) {
      const at = this.#at;
      const end = at + FRAME_HEAD_BYTES + this.#room.readUIntBE(at, 3);
      const type = this.#room[at + 3] ?? 0;
      const flags = this.#room[at + 4] ?? 0;
      if (end > this.#length) break;
      if (type === FRAME.settings && (flags & FLAG.ack) !== 0 && this.#awaitsAck) {
        this.#room.copyWithin(at, end, this.#length);
        this.#length -= end - at;
        this.#awaitsAck = false;
        continue;
      }
      if (type === FRAME.headers) {
        if ((flags & FLAG.endHeaders) !== 0)
          fixAuthority(fragment(this.#room.subarray(at + FRAME_HEAD_BYTES, end), flags));
        this.#asked = true;
      } else if (type !== FRAME.settings && type !== FRAME.windowUpdate && type !== FRAME.priority) this.#asked = true;
      this.#at = end;
    }
    return this.#asked && !this.#awaitsAck;
  }
}

/** RFC 9113 §6.2: the header block between padding and priority. */
function fragment(payload: Buffer, flags: number): Buffer {
  const padded = (flags & FLAG.padded) !== 0;
  const start = (padded ? 1 : 0) + ((flags & FLAG.priority) !== 0 ? 5 : 0);
  const padding = padded ? (payload[0] ?? 0) : 0;
  return payload.subarray(start, Math.max(start, payload.length - padding));
}
