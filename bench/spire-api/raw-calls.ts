import type { Duplex } from 'node:stream';
import { encodeFrame } from '#wire';
import { frame, grpcFields, headerBlock, PREFACE, TYPE } from '../../src/rpc/raw-http2.harness.ts';

/** SETTINGS_INITIAL_WINDOW_SIZE of 2^31 - 1: an answer never waits for its reader. */
const SETTINGS = frame(TYPE.settings, 0, 0, Buffer.from('00047fffffff', 'hex'));
const SETTINGS_ACK = frame(TYPE.settings, 1, 0, Buffer.alloc(0));
const WINDOW = frame(TYPE.window, 0, 0, Buffer.from('3fff0000', 'hex'));
const END_HEADERS = 4;
const END_STREAM = 1;
const INITIAL_WINDOW_SETTING = 4;
const MAX_FRAME = 16_384;
const FRAME_HEAD = 9;

interface Call {
  readonly done: PromiseWithResolvers<number>;
  /** What the server may still be sent, and what is to be sent. */
  window: number;
  left: Buffer;
  answered: number;
}

/** A request with everything that does not change from call to call encoded once. */
export type RawRequest = Buffer;

export function rawRequest(message: Uint8Array): RawRequest {
  return encodeFrame(message);
}

/**
 * Many calls of one method at once on one connection, by a client that costs next to nothing: nothing is encoded, decoded or looked at but lengths.
 * Answers are bytes of data: a call that is refused has none.
 */
export class RawCalls {
  readonly #socket: Duplex;
  readonly #headers: Buffer;
  readonly #calls = new Map<number, Call>();
  #pending: Buffer = Buffer.alloc(0);
  #stream = -1;
  #window = 65_535;
  #initialWindow = 65_535;

  constructor(socket: Duplex, path: string) {
    this.#socket = socket;
    this.#headers = headerBlock(grpcFields(path, ['te', 'trailers']));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => this.#fail());
    socket.on('close', () => this.#fail());
    socket.write(Buffer.concat([PREFACE, SETTINGS, WINDOW]));
  }

  /** Bytes of the answer's messages. */
  call(request: RawRequest): Promise<number> {
    this.#stream += 2;
    const call = { done: Promise.withResolvers<number>(), window: this.#initialWindow, left: request, answered: 0 };
    this.#calls.set(this.#stream, call);
    this.#socket.cork();
    this.#socket.write(frame(TYPE.headers, END_HEADERS, this.#stream, this.#headers));
    this.#send(this.#stream, call);
    this.#socket.uncork();
    return call.done.promise;
  }

  close(): void {
    this.#calls.clear();
    this.#socket.destroy();
  }

  #send(stream: number, call: Call): void {
    while (call.left.length > 0) {
      const size = Math.min(call.left.length, call.window, this.#window, MAX_FRAME);
      if (size <= 0) return;
      const part = call.left.subarray(0, size);
      call.left = call.left.subarray(size);
      call.window -= size;
      this.#window -= size;
      this.#socket.write(frame(TYPE.data, call.left.length === 0 ? END_STREAM : 0, stream, part));
    }
  }

  #fail(): void {
    for (const { done } of this.#calls.values()) done.reject(new TypeError('the connection was closed'));
    this.#calls.clear();
  }

  #read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (at + FRAME_HEAD <= this.#pending.length) {
      const end = at + FRAME_HEAD + this.#pending.readUIntBE(at, 3);
      if (end > this.#pending.length) break;
      this.#take(this.#pending.subarray(at, end));
      at = end;
    }
    this.#pending = this.#pending.subarray(at);
  }

  #take(whole: Buffer): void {
    const [type, flags, stream] = [whole[3], whole[4] ?? 0, whole.readUInt32BE(5) & 0x7fff_ffff];
    const payload = whole.subarray(FRAME_HEAD);
    if (type === TYPE.settings && (flags & 1) === 0) this.#settle(payload);
    if (type === TYPE.ping && (flags & 1) === 0) this.#socket.write(frame(TYPE.ping, 1, 0, payload));
    if (type === TYPE.goaway) this.#fail();
    const call = this.#calls.get(stream);
    if (type === TYPE.window) this.#widen(stream, payload.readUInt32BE(0));
    if (call === undefined) return;
    if (type === TYPE.data) call.answered += payload.length;
    if ((type !== TYPE.data && type !== TYPE.headers) || (flags & END_STREAM) === 0) return;
    this.#calls.delete(stream);
    call.done.resolve(call.answered);
  }

  #settle(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6)
      if (payload.readUInt16BE(at) === INITIAL_WINDOW_SETTING) {
        const window = payload.readUInt32BE(at + 2);
        for (const call of this.#calls.values()) call.window += window - this.#initialWindow;
        this.#initialWindow = window;
      }
    this.#socket.write(SETTINGS_ACK);
  }

  #widen(stream: number, by: number): void {
    const call = this.#calls.get(stream);
    if (stream === 0) this.#window += by;
    else if (call !== undefined) call.window += by;
    for (const [id, waiting] of this.#calls) this.#send(id, waiting);
  }
}
