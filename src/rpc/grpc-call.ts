import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Fault } from '#kernel';
import { type CallContext, encodeFrame, FrameDecoder } from '#wire';
import type { BoundMethod } from './bound-method.ts';
import { parseGrpcTimeout } from './grpc-timeout.ts';
import type { Refusal } from './status.ts';
import { STATUS_CODE } from './status-code.ts';

const ANSWER = { ':status': 200, 'content-type': 'application/grpc' } as const;
/** Made once: a reason with a stack for every call would cost as much as the rest of it. */
const ENDED = new Fault('UPSTREAM_UNAVAILABLE', 'the call has ended');
const OK = { 'grpc-status': '0' } as const;

/** Answers a request for a method that nobody serves. */
export function answerUnimplemented(stream: ServerHttp2Stream): void {
  const trailers = { 'grpc-status': `${STATUS_CODE.UNIMPLEMENTED}`, 'grpc-message': 'unknown method' };
  stream.respond({ ...ANSWER, ...trailers }, { endStream: true });
}

/** One gRPC call on one HTTP/2 stream, whose caller is known. */
export class GrpcCall<Caller> {
  readonly #stream: ServerHttp2Stream;
  readonly #method: BoundMethod<Caller>;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #trailers: OutgoingHttpHeaders = OK;
  #begun = false;

  constructor(stream: ServerHttp2Stream, method: BoundMethod<Caller>) {
    this.#stream = stream;
    this.#method = method;
  }

  async run(caller: Caller, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): Promise<void> {
    const stream = this.#stream;
    stream.once('close', () => this.#end());
    const timeout = parseGrpcTimeout(header(headers, 'grpc-timeout'));
    if (timeout !== undefined) this.#timer = setTimeout(() => this.#late(), timeout);
    const all = (key: string): string[] => valuesOf(rawHeaders, key);
    const signal = this.#controller.signal;
    const context: CallContext<Caller> = { caller, signal, metadata: { get: (key) => all(key)[0], all } };
    try {
      await this.#answer(context);
      this.#finish();
    } catch (error) {
      if (!signal.aborted) this.#refuse(this.#method.refuse(error));
    } finally {
      this.#controller.abort(ENDED);
    }
  }

  async #answer(context: CallContext<Caller>): Promise<void> {
    const { definition, handle } = this.#method;
    const requests = requestsOf(this.#stream, definition.requestType.decode);
    const answers = handle(definition.requestStream ? requests : await only(requests), context);
    if (!definition.responseStream) {
      this.#write(await answers);
      return;
    }
    if (!isAsyncIterable(answers)) throw new Fault('INTERNAL_ERROR', 'a stream was expected of the handler');
    for await (const answer of answers) {
      if (context.signal.aborted) return;
      if (!this.#write(answer)) await this.#drained();
    }
  }

  #write(message: unknown): boolean {
    this.#begin();
    return (
      this.#stream.destroyed ||
      this.#stream.write(encodeFrame(this.#method.definition.responseType.encode(message).finish()))
    );
  }

  #begin(): void {
    if (this.#begun || this.#stream.destroyed) return;
    this.#begun = true;
    this.#stream.respond(ANSWER, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => {
      if (!this.#stream.destroyed) this.#stream.sendTrailers(this.#trailers);
    });
  }

  #finish(): void {
    if (this.#stream.destroyed) return;
    this.#begin();
    this.#stream.end();
    this.#stream.resume();
  }

  #refuse({ code, details, trailers: further }: Refusal): void {
    if (this.#stream.destroyed) return;
    const trailers = { ...further, 'grpc-status': `${code}`, 'grpc-message': percentEncode(details) };
    if (this.#begun) {
      this.#trailers = trailers;
      this.#stream.end();
    } else this.#stream.respond({ ...ANSWER, ...trailers }, { endStream: true });
    this.#stream.resume();
  }

  #late(): void {
    if (this.#controller.signal.aborted) return;
    this.#refuse(this.#method.refuse(new Fault('DEADLINE_EXCEEDED', 'the deadline of the call has passed')));
    this.#controller.abort(ENDED);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort(ENDED);
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

/** Messages of the request, read as they are asked for. */
async function* requestsOf(
  stream: ServerHttp2Stream,
  decode: (bytes: Uint8Array) => unknown,
): AsyncGenerator<unknown, void, undefined> {
  const frames = new FrameDecoder();
  for await (const chunk of chunksOf(stream))
    for (const message of frames.push(chunk)) yield decodeMessage(decode, message);
}

/** Leaving early must not destroy the stream: its status is still to be sent. */
async function* chunksOf(stream: ServerHttp2Stream): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const chunk: Buffer | null = stream.read();
    if (chunk !== null) yield chunk;
    else if (stream.readableEnded || stream.destroyed) return;
    else await readable(stream);
  }
}

function readable(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['readable', 'end', 'close']) stream.off(event, done);
      resolve();
    };
    for (const event of ['readable', 'end', 'close']) stream.once(event, done);
  });
}

async function only(messages: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of messages) return message;
  throw new Fault('ARGUMENT_INVALID', 'the request has no message');
}

function decodeMessage(decode: (bytes: Uint8Array) => unknown, message: Uint8Array): unknown {
  try {
    return decode(message);
  } catch (cause) {
    throw new Fault('ARGUMENT_INVALID', 'the request is not a message of its type', { cause });
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
