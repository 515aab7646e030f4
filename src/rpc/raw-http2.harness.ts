// An HTTP/2 client that says what no library says: frames as they are, nothing acknowledged and no window given unless asked to.
import type { Duplex } from 'node:stream';
import { encodeFrame } from '#wire';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const FLAG = { end: 1, ack: 1, endHeaders: 4 } as const;
const MAX_DATA = 16_384;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** SETTINGS of identifiers and values. */
export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  return frame(
    TYPE.settings,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)]))),
  );
}

/** Literal header fields without indexing (RFC 7541 §6.2.2). */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const length = text.length < 127 ? [text.length] : [127, ...continued(text.length - 127)];
  return Buffer.concat([Buffer.from(length), Buffer.from(text)]);
}

function continued(rest: number): number[] {
  return rest < 128 ? [rest] : [(rest % 128) | 128, ...continued(Math.floor(rest / 128))];
}

export const grpcFields = (path: string, ...more: readonly (readonly [string, string])[]) =>
  [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['workload.spiffe.io', 'true'],
    ...more,
  ] as const;

/** HEADERS of a gRPC request. */
export function request(stream: number, path: string, flags: number = FLAG.endHeaders): Buffer {
  return frame(TYPE.headers, flags, stream, headerBlock(grpcFields(path)));
}

/** DATA frames that together carry these bytes. */
export function data(stream: number, bytes: Uint8Array, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < Math.max(1, bytes.length); at += MAX_DATA)
    frames.push(frame(TYPE.data, at + MAX_DATA >= bytes.length ? flags : 0, stream, bytes.subarray(at, at + MAX_DATA)));
  return Buffer.concat(frames);
}

/** All but the last byte of a gRPC message of this size. */
export function unfinished(bytes: number): Buffer {
  return encodeFrame(Buffer.alloc(bytes)).subarray(0, -1);
}

export interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The frames that come back, of a connection that acknowledges SETTINGS, if at all, and nothing else. */
export class RawPeer {
  readonly seen: Seen[] = [];
  readonly #socket: Duplex;
  readonly #acknowledges: boolean;
  #pending: Buffer = Buffer.alloc(0);
  #changed = Promise.withResolvers<void>();
  #closed = false;
  #window = 65_535;

  constructor(socket: Duplex, opening: Buffer = settings(), acknowledges = true) {
    this.#socket = socket;
    this.#acknowledges = acknowledges;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#closed = true;
      this.#changed.resolve();
    });
    this.send(PREFACE, opening);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.#closed) this.#socket.write(Buffer.concat(frames));
  }

  /** DATA frames of these bytes, as the connection's window allows: beyond it the connection, not the call, would be refused. */
  async upload(stream: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#closed; at += MAX_DATA) {
      const piece = bytes.subarray(at, at + MAX_DATA);
      while (this.#window < piece.length && !this.#closed) await this.#changed.promise;
      this.#window -= piece.length;
      this.send(frame(TYPE.data, 0, stream, piece));
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Waits for a frame; undefined when the connection ended without one. */
  async until(matches: (one: Seen) => boolean): Promise<Seen | undefined> {
    for (;;) {
      const found = this.seen.find(matches);
      if (found !== undefined || this.#closed) return found;
      await this.#changed.promise;
    }
  }

  async ended(): Promise<void> {
    while (!this.#closed) await this.#changed.promise;
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 9) {
      const end = 9 + this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < end) break;
      const [type = 0, flags = 0] = [this.#pending[3], this.#pending[4]];
      const stream = this.#pending.readUInt32BE(5);
      this.seen.push({ type, flags, stream, payload: Buffer.from(this.#pending.subarray(9, end)) });
      if (this.#acknowledges && type === TYPE.settings && (flags & FLAG.ack) === 0)
        this.send(frame(TYPE.settings, FLAG.ack, 0));
      if (type === TYPE.window && stream === 0) this.#window += this.#pending.readUInt32BE(9);
      this.#pending = this.#pending.subarray(end);
    }
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }
}
