import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Fault, isFault } from '#kernel';
import { parseBody } from './body.ts';
import { Slots } from './slots.ts';

export interface FetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  text(): Promise<string>;
  json(): Promise<unknown>;
}

const ANSWER_MILLIS = 30_000;
const ANSWER_BYTES = 16 * 1024 * 1024;
const CONNECTIONS = 64;
const WAITING = 10_000;

/** Connections to one service, kept alive until the identity changes. */
export class ServicePool {
  readonly #agent: Agent;
  /** The agent counts a connection when it stands: requests that come meanwhile would each open another, and the handshakes drown the service. */
  readonly #slots = new Slots(CONNECTIONS, WAITING);

  constructor(dial: () => Promise<TLSSocket>) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const open = (_options: unknown, done: (error: Error | null, socket: Duplex) => void): undefined => {
      dial().then(
        (socket) => done(null, socket),
        (error: Error) => done(error, undefined as never),
      );
    };
    Reflect.set(this.#agent, 'createConnection', open);
  }

  /** Rejects with `PEER_…`, `UPSTREAM_UNAVAILABLE`, `DEADLINE_EXCEEDED`, `LIMIT_EXCEEDED`, or the signal's reason. */
  async request(path: string, host: string, init: FetchInit): Promise<FetchResponse> {
    const room = this.#slots.take(init.signal);
    if (room !== undefined) await room;
    try {
      return await this.#ask(path, host, init);
    } finally {
      this.#slots.give();
    }
  }

  async #ask(path: string, host: string, init: FetchInit): Promise<FetchResponse> {
    const { method = 'GET', headers = {}, body, signal } = init;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options: RequestOptions = {
      ...{ agent: this.#agent, host, path, method, timeout: ANSWER_MILLIS },
      headers: { host, ...headers, ...length },
      ...(signal === undefined ? {} : { signal }),
    };
    const attempt = { onKeptConnection: false };
    try {
      return await ask(options, body, attempt);
    } catch (error) {
      // A kept connection may have been closed by the service just as it was used: reading is asked once more.
      const repeatable = attempt.onKeptConnection && body === undefined && (method === 'GET' || method === 'HEAD');
      if (!repeatable || signal?.aborted || !isReset(error)) throw faultOf(error, signal);
      return ask(options, body, attempt).catch((again: unknown) => Promise.reject(faultOf(again, signal)));
    }
  }

  /** Idle connections end at once, the others with the request that they carry: rotation breaks nothing under way. */
  close(): void {
    Reflect.set(this.#agent, 'keepAlive', false);
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

function ask(
  options: RequestOptions,
  body: string | Buffer | undefined,
  attempt: { onKeptConnection: boolean },
): Promise<FetchResponse> {
  return new Promise((resolve, reject) => {
    const call = request(options, (response) => read(response).then(resolve, reject));
    call.on('timeout', () => call.destroy(new Fault('DEADLINE_EXCEEDED', 'the service did not answer in time')));
    call.on('error', (error) => {
      attempt.onKeptConnection = call.reusedSocket;
      reject(error);
    });
    call.end(body);
  });
}

function read(response: IncomingMessage): Promise<FetchResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= ANSWER_BYTES) chunks.push(chunk);
      else response.destroy(new Fault('LIMIT_EXCEEDED', 'the answer is larger than the limit'));
    });
    response.on('error', (cause) =>
      reject(isFault(cause) ? cause : new Fault('UPSTREAM_UNAVAILABLE', 'the answer broke off', { cause })),
    );
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, text: async () => text, json: async () => parseBody(text) });
    });
  });
}

function isReset(error: unknown): boolean {
  const { code }: { readonly code?: unknown } = Object(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function faultOf(error: unknown, signal: AbortSignal | undefined): Fault {
  if (signal?.aborted && isFault(signal.reason)) return signal.reason;
  return isFault(error) ? error : new Fault('UPSTREAM_UNAVAILABLE', 'the service did not answer', { cause: error });
}
