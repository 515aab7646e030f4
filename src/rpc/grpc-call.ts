import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Fault, LIMITS } from '#kernel';
import { type CallContext, frameOf } from '#wire';
import type { BoundMethod } from './bound-method.ts';
import { CallEnd } from './call-end.ts';
import { parseGrpcTimeout } from './grpc-timeout.ts';
import { CallBytes, type HeldBytes } from './held-bytes.ts';
import { RequestReader } from './request-reader.ts';
import type { Refusal } from './status.ts';
import { STATUS_CODE } from './status-code.ts';

const ANSWER = { ':status': 200, 'content-type': 'application/grpc' } as const;
const OK = { 'grpc-status': '0' } as const;

/** What an open call costs beside its headers and messages: the stream of `node:http2`, its handler, their promises. */
const CALL_BYTES = 16 * 1024;

/** How long a client may take to end a request that has been answered. */
const LET_GO_MILLIS = 1000;

/** What is held for a call, and how long its messages may take. */
export interface CallBounds {
  readonly held: HeldBytes;
  readonly messageMillis: number;
}

/** Answers a request for a method that nobody serves. */
export function answerUnimplemented(stream: ServerHttp2Stream): void {
  const trailers = { 'grpc-status': `${STATUS_CODE.UNIMPLEMENTED}`, 'grpc-message': 'unknown method' };
  refuseStream(stream, { ...ANSWER, ...trailers });
}

/** Answers with headers alone. */
export function refuseStream(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(headers, { endStream: true });
  letGo(stream);
}

/** What still comes of the request is not kept, and a client that never ends it must not keep the stream (RFC 9113 §8.1). */
function letGo(stream: ServerHttp2Stream): void {
  stream.resume();
  if (stream.readableEnded) return;
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LET_GO_MILLIS).unref();
  stream.once('close', () => clearTimeout(timer));
}

/** One gRPC call on one HTTP/2 stream, whose caller is known. */
export class GrpcCall<Caller> {
  readonly #stream: ServerHttp2Stream;
  readonly #method: BoundMethod<Caller>;
  readonly #bounds: CallBounds;
  readonly #bytes: CallBytes;
  readonly #end = new CallEnd();
  #timer: NodeJS.Timeout | undefined;
  #trailers: OutgoingHttpHeaders = OK;
  #begun = false;

  constructor(stream: ServerHttp2Stream, method: BoundMethod<Caller>, bounds: CallBounds) {
    this.#stream = stream;
    this.#method = method;
    this.#bounds = bounds;
    this.#bytes = new CallBytes(bounds.held);
  }

  async run(caller: Caller, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): Promise<void> {
    const stream = this.#stream;
    stream.once('close', () => this.#close());
    const timeout = earlier(parseGrpcTimeout(header(headers, 'grpc-timeout')), this.#method.callMillis);
    if (timeout !== undefined) this.#timer = setTimeout(() => this.#stop(late()), timeout);
    const all = (key: string): string[] => valuesOf(rawHeaders, key);
    const end = this.#end;
    const context: CallContext<Caller> = {
      caller,
      get signal() {
        return end.signal;
      },
      metadata: { get: (key) => all(key)[0], all },
    };
    try {
      this.#bytes.hold(CALL_BYTES + rawHeaders.reduce((sum, text) => sum + text.length, 0));
      await this.#answer(context);
      this.#finish();
    } catch (error) {
      if (!end.ended) this.#refuse(this.#method.refuse(error));
    } finally {
      end.end();
    }
  }

  async #answer(context: CallContext<Caller>): Promise<void> {
    const { definition, handle, requestBytes: limitBytes } = this.#method;
    const { messageMillis } = this.#bounds;
    const decode = definition.requestType.decode;
    const onFault = (fault: unknown): void => this.#stop(fault);
    const bounds = { decode, limitBytes, messageMillis, bytes: this.#bytes, onFault };
    const requests = new RequestReader(this.#stream, bounds);
    const answers = handle(definition.requestStream ? requests.all() : await requests.only(), context);
    if (!definition.responseStream) {
      this.#writeLast(await answers);
      return;
    }
    if (!isAsyncIterable(answers)) throw new Fault('INTERNAL_ERROR', 'a stream was expected of the handler');
    for await (const answer of answers) {
      if (this.#end.ended) return;
      if (!this.#write(answer)) await this.#drained();
    }
  }

  #write(message: unknown): boolean {
    if (this.#stream.destroyed || this.#stream.closed) return true;
    const frame = this.#frame(message);
    this.#bytes.hold(frame.length);
    this.#begin();
    return this.#stream.write(frame, () => this.#bytes.hold(-frame.length));
  }

  /** With its end, in one piece; its bytes stay held until the call has ended. */
  #writeLast(message: unknown): void {
    if (this.#stream.destroyed || this.#stream.closed) return;
    const frame = this.#frame(message);
    this.#bytes.hold(frame.length);
    this.#begin();
    this.#stream.end(frame);
  }

  #frame(message: unknown): Buffer {
    const frame = frameOf(this.#method.definition.responseType, message);
    if (frame.length > LIMITS.grpcMessageBytes.value) this.#method.large?.(frame.length);
    return frame;
  }

  #begin(): void {
    if (this.#begun || this.#stream.destroyed || this.#stream.closed) return;
    this.#begun = true;
    this.#stream.respond(ANSWER, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => {
      if (!this.#stream.destroyed) this.#stream.sendTrailers(this.#trailers);
    });
  }

  #finish(): void {
    if (this.#stream.destroyed) return;
    this.#begin();
    if (!this.#stream.writableEnded) this.#stream.end();
    letGo(this.#stream);
  }

  #refuse({ code, details, trailers: further }: Refusal): void {
    if (this.#stream.destroyed) return;
    const trailers = { ...further, 'grpc-status': `${code}`, 'grpc-message': percentEncode(details) };
    if (this.#begun) {
      this.#trailers = trailers;
      this.#stream.end();
      letGo(this.#stream);
    } else refuseStream(this.#stream, { ...ANSWER, ...trailers });
  }

  /** Ends the call whatever its handler does. */
  #stop(fault: unknown): void {
    if (this.#end.ended) return;
    this.#refuse(this.#method.refuse(fault));
    this.#end.end();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#bytes.end();
    this.#end.end();
  }

  /** Backpressure: waits until the peer has read, or has gone. One answer a stream is held, no more. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        resolve();
      };
      this.#stream.once('drain', done);
      this.#stream.once('close', done);
    });
  }
}

/** Values of a field as it was sent: repeated fields are told apart from one with a comma in it. */
function valuesOf(rawHeaders: readonly string[], key: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const value = rawHeaders[at + 1];
    if (rawHeaders[at] === key && value !== undefined) values.push(value);
  }
  return values;
}

function late(): Fault {
  return new Fault('DEADLINE_EXCEEDED', 'the deadline of the call has passed');
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** gRPC over HTTP/2, Status-Message: printable ASCII but `%`, the rest percent-encoded. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /%(?:20|3A|2C|3D|2F|3B|5B|5D|7B|7D|7C|22|40|3F|26|2B|24|23|3C|3E|5C|5E|60)/g,
    decodeURIComponent,
  );
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
