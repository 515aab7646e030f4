import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Fault } from '#kernel';

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

/** Connections to one service, kept alive until the identity changes. */
export class ServicePool {
  readonly #agent: Agent;

  constructor(dial: () => Promise<TLSSocket>) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const open = (_options: unknown, done: (error: Error | null, socket: Duplex) => void): undefined => {
      dial().then(
        (socket) => done(null, socket),
        (error: Error) => done(error, undefined as never),
      );
    };
    Reflect.set(this.#agent, 'createConnection', open);
  }

  request(path: string, host: string, init: FetchInit): Promise<FetchResponse> {
    return new Promise((resolve, reject) => {
      const { method = 'GET', headers = {}, body, signal } = init;
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const options = {
        agent: this.#agent,
        host,
        path,
        method,
        headers: { host, ...headers, ...length },
        timeout: ANSWER_MILLIS,
        ...(signal === undefined ? {} : { signal }),
      };
      const call = httpsRequest(options, (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > ANSWER_BYTES) {
            reject(new Fault('LIMIT_EXCEEDED', 'the answer is larger than the limit'));
            response.destroy();
          } else chunks.push(chunk);
        });
        response.on('error', (cause) => reject(new Fault('UPSTREAM_UNAVAILABLE', 'the answer broke off', { cause })));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: async () => text,
            json: async () => JSON.parse(text),
          });
        });
      });
      call.on('timeout', () => call.destroy(new Fault('DEADLINE_EXCEEDED', 'the service did not answer in time')));
      call.on('error', (cause) =>
        reject(
          cause instanceof Fault ? cause : new Fault('UPSTREAM_UNAVAILABLE', 'the service did not answer', { cause }),
        ),
      );
      call.end(body);
    });
  }

  /** Idle connections end at once, the others with the request that they carry: rotation breaks nothing under way. */
  close(): void {
    Reflect.set(this.#agent, 'keepAlive', false);
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}
