import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectNet } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault, isFault } from '#kernel';
import type { Client, MethodDefinition, ServiceDefinition } from './definition.ts';
import { encodeFrame, FrameDecoder } from './grpc-frames.ts';
import { faultOfTrailers } from './grpc-status.ts';

export interface GrpcClientOptions {
  /** Opens a connection whose peer has been verified. Called again after a connection was lost. */
  readonly dial: () => Promise<Duplex>;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Deadline of unary calls, milliseconds. */
  readonly timeoutMillis?: number;
  /** The largest message that is read; default `LIMITS.grpcMessageBytes`. */
  readonly answerBytes?: number;
}

const DEFAULT_TIMEOUT_MILLIS = 15_000;
/** What a server may make us hold; gRPC pushes nothing. */
const SESSION = {
  maxSessionMemory: 10,
  maxHeaderListPairs: 64,
  settings: { enablePush: false, maxHeaderListSize: 64 * 1024 },
} as const;

/** Dials a Unix socket. */
export function dialUnix(path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connectNet({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) =>
      reject(new Fault('UPSTREAM_UNAVAILABLE', `nothing answers at ${path}${why(cause)}`, { cause })),
    );
  });
}

function why(cause: Error): string {
  const mayNot = 'code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM');
  return mayNot ? ': this user may not connect to it' : '';
}

/** A gRPC client over `node:http2`: one connection, opened when first used and again after it was lost. Rejects with faults. */
export function createGrpcClient<D extends ServiceDefinition>(definition: D, options: GrpcClientOptions): Client<D> {
  const connection = new Connection(options);
  const calls: Record<string, unknown> = { close: async () => connection.close() };
  for (const [key, method] of Object.entries(definition.methods)) {
    const path = `/${definition.fullName}/${method.name}`;
    calls[key] = method.responseStream
      ? (input: unknown, signal?: AbortSignal) => stream(connection, path, method, input, signal)
      : (input: unknown, signal?: AbortSignal) => unary(connection, path, method, input, signal);
  }
  // Built from the definition's own methods, one function each: the mapped type says the same.
  return calls as Client<D>;
}

class Connection {
  readonly options: GrpcClientOptions;
  #session: Promise<ClientHttp2Session> | undefined;
  #closed = false;

  constructor(options: GrpcClientOptions) {
    this.options = options;
  }

  async open(path: string): Promise<ClientHttp2Stream> {
    if (this.#closed) throw new Fault('UPSTREAM_UNAVAILABLE', 'the client has been closed');
    this.#session ??= this.#connect();
    try {
      const session = await this.#session;
      return session.request({
        ':method': 'POST',
        ':path': path,
        te: 'trailers',
        'content-type': 'application/grpc',
        ...this.options.metadata,
      });
    } catch (cause) {
      this.#session = undefined;
      throw isFault(cause) ? cause : new Fault('UPSTREAM_UNAVAILABLE', 'the connection was lost', { cause });
    }
  }

  close(): void {
    this.#closed = true;
    void this.#session?.then(
      (session) => session.destroy(),
      () => undefined,
    );
  }

  async #connect(): Promise<ClientHttp2Session> {
    const socket = await this.options.dial();
    const session = connectHttp2('http://localhost', { createConnection: () => socket, ...SESSION });
    const forget = (): void => {
      this.#session = undefined;
    };
    session.on('error', forget);
    session.once('close', forget);
    session.once('goaway', forget);
    return session;
  }
}

async function unary(
  connection: Connection,
  path: string,
  method: MethodDefinition<unknown, unknown>,
  input: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const deadline = AbortSignal.timeout(connection.options.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS);
  const all = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  let answer: { readonly message: unknown } | undefined;
  // To its end: a call that is left earlier is reset, and a server ends a connection that resets call after call.
  for await (const message of stream(connection, path, method, input, all)) answer ??= { message };
  if (answer !== undefined) return answer.message;
  throw deadline.aborted
    ? new Fault('DEADLINE_EXCEEDED', 'the answer did not come in time')
    : new Fault('UPSTREAM_UNAVAILABLE', 'the call ended without an answer');
}

/** Messages of the answer, until the peer ends it; the signal ends it without a fault. */
async function* stream(
  connection: Connection,
  path: string,
  method: MethodDefinition<unknown, unknown>,
  input: unknown,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, void, undefined> {
  if (signal?.aborted) return;
  const call = await connection.open(path);
  const abort = (): void => call.close(constants.NGHTTP2_CANCEL);
  signal?.addEventListener('abort', abort, { once: true });
  const outcome = { headers: {} as IncomingHttpHeaders, trailers: undefined as IncomingHttpHeaders | undefined };
  call.on('response', (headers) => {
    outcome.headers = headers;
  });
  call.on('trailers', (trailers) => {
    outcome.trailers = trailers;
  });
  call.on('error', () => undefined);
  const sending = send(call, method, input).catch(() => call.close(constants.NGHTTP2_CANCEL));
  try {
    const frames = new FrameDecoder(connection.options.answerBytes);
    for await (const chunk of readable(call))
      for (const message of frames.push(chunk)) yield method.responseType.decode(message);
    if (signal?.aborted) return;
    // A refusal without messages comes in the headers alone ("Trailers-Only").
    const end = outcome.trailers ?? (outcome.headers['grpc-status'] === undefined ? undefined : outcome.headers);
    const fault =
      end === undefined ? new Fault('UPSTREAM_UNAVAILABLE', 'the connection was lost') : faultOfTrailers(end);
    if (fault !== undefined) throw fault;
  } finally {
    signal?.removeEventListener('abort', abort);
    if (!call.closed) call.close(constants.NGHTTP2_CANCEL);
    void sending;
  }
}

/** Chunks until the stream ends for whatever reason; how it ended is judged by the trailers. */
async function* readable(call: ClientHttp2Stream): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of call) yield chunk;
  } catch {
    // A reset or a lost connection: there are no trailers, and the caller says so.
  }
}

async function send(
  call: ClientHttp2Stream,
  method: MethodDefinition<unknown, unknown>,
  input: unknown,
): Promise<void> {
  if (!isAsyncIterable(input)) {
    call.end(encodeFrame(method.requestType.encode(input).finish()));
    return;
  }
  for await (const message of input) {
    if (call.closed || call.destroyed) return;
    if (!call.write(encodeFrame(method.requestType.encode(message).finish()))) await drained(call);
  }
  call.end();
}

function drained(call: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('close', done);
      resolve();
    };
    call.once('drain', done);
    call.once('close', done);
  });
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
