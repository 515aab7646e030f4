import { fixAuthority } from './hpack-authority.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const FRAME_HEAD_BYTES = 9;
const FRAME = { headers: 1, priority: 2, settings: 4, windowUpdate: 8 } as const;
const FLAG = { ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;
/** A client says less than this before its first request. */
const OPENING_LIMIT_BYTES = 65_536;

/** The server's connection preface: an empty SETTINGS frame (RFC 9113 §3.4). */
export const EMPTY_SETTINGS = Buffer.from('000000040000000000', 'hex');

/**
 * What an HTTP/2 client says up to its first request, read before nghttp2 does. Clients that wait for the server's SETTINGS are sent
 * `EMPTY_SETTINGS`, whose acknowledgement is taken out again. grpc-java, and so java-spiffe, puts a Unix socket's path into `:authority`, where
 * nghttp2 refuses it (RFC 3986 §3.2: no `/`); the Workload API gives `:authority` no meaning, so its slashes are overwritten in place.
 * Whatever else is wrong is left for nghttp2 to refuse.
 */
export class Http2Opening {
  #bytes: Buffer = Buffer.alloc(0);
  #at = PREFACE.length;
  #settingsSent = false;
  #awaitsAck = false;
  #asked = false;

  /** `ready`: give `bytes` to the HTTP/2 server. `settings`: send `EMPTY_SETTINGS`, the client waits for it. `more`: read on. */
  push(chunk: Buffer): 'ready' | 'settings' | 'more' {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk]);
    const prefix = this.#bytes.subarray(0, PREFACE.length);
    if (!PREFACE.subarray(0, prefix.length).equals(prefix)) return 'ready';
    if (this.#requestIsRead()) return 'ready';
    if (this.#bytes.length > OPENING_LIMIT_BYTES) return 'ready';
    if (this.#settingsSent || prefix.length < PREFACE.length) return 'more';
    this.#settingsSent = true;
    this.#awaitsAck = true;
    return 'settings';
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Walks whole frames; true when the first request is there and nothing of ours is left to be acknowledged. */
  #requestIsRead(): boolean {
    while (this.#at + FRAME_HEAD_BYTES <= this.#bytes.length) {
      const at = this.#at;
      const length = this.#bytes.readUIntBE(at, 3);
      const type = this.#bytes[at + 3] ?? 0;
      const flags = this.#bytes[at + 4] ?? 0;
      const end = at + FRAME_HEAD_BYTES + length;
      if (end > this.#bytes.length) break;
      if (type === FRAME.settings && (flags & FLAG.ack) !== 0 && this.#awaitsAck) {
        this.#bytes = Buffer.concat([this.#bytes.subarray(0, at), this.#bytes.subarray(end)]);
        this.#awaitsAck = false;
        continue;
      }
      if (type === FRAME.headers) {
        if ((flags & FLAG.endHeaders) !== 0)
          fixAuthority(fragment(this.#bytes.subarray(at + FRAME_HEAD_BYTES, end), flags));
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
