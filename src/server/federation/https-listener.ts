import {
  createServer as createPlainServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Closeable, Fault, type Log } from '#kernel';
import { presentToAll, type TlsIdentity } from '#rpc';
import { TLS_LISTENER } from '#wire';
import { type Answer, type PublicRequest, refusal } from './answer.ts';

export interface HttpsListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: plain HTTP, for a proxy on the same machine that ends TLS. */
  readonly identity?: () => TlsIdentity | undefined;
  readonly handle: (request: PublicRequest) => Answer;
  readonly log: Log;
}

export interface HttpsListener extends Closeable {
  readonly host: string;
  readonly port: number;
}

const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  /** How often the timeouts are looked at: by default every 30 s, three times as long as they are. */
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8_192,
  insecureHTTPParser: false,
};
const MAX_CONNECTIONS = 10_000;
/** Mozilla's "intermediate" suites (F-4); TLS 1.3 first. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const TRANSPORT = {
  ...TLS_LISTENER,
  ciphers: CIPHERS,
} as const;

/** A server of public documents: bodies are not read, no client is asked who it is (F-8). Throws `PORT_OCCUPIED`. */
export async function listenHttps(options: HttpsListenerOptions): Promise<HttpsListener> {
  const { host, identity, handle, log } = options;
  const listener: RequestListener = (request, response) => respond(request, response, handle, log);
  const server = identity === undefined ? createPlainServer(LIMITS, listener) : secure(identity, listener);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('tlsClientError', (_error: Error, socket: { destroy(): void }) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Fault('PORT_OCCUPIED', `nothing can listen on ${host}:${options.port}`, { cause })),
    );
    server.listen({ host, port: options.port, backlog: 4096 }, resolve);
  });
  const address: AddressInfo | string | null = server.address();
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function secure(identity: () => TlsIdentity | undefined, listener: RequestListener): Server {
  const server = createServer(
    {
      ...LIMITS,
      ...TRANSPORT,
      handshakeTimeout: LIMITS.headersTimeout,
      requestCert: false,
    },
    listener,
  );
  presentToAll(server, identity, TRANSPORT);
  return server;
}

/** RFC 9112 §2.3, §3.2: with a version, and with one host at most; Node reads HTTP/0.9, and takes the first of two hosts. */
function isSound({ httpVersionMajor, rawHeaders }: IncomingMessage): boolean {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host');
  return httpVersionMajor === 1 && hosts.length <= 1;
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  handle: HttpsListenerOptions['handle'],
  log: Log,
): void {
  try {
    const { status, headers, body } = isSound(request)
      ? handle({ method: request.method ?? '', target: request.url ?? '', host: request.headers.host ?? '' })
      : refusal(400, 'this is no request of HTTP/1.1');
    // A body that was sent is not read: the connection ends with the answer.
    const ends = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    const length = { 'content-length': Buffer.byteLength(body), 'x-content-type-options': 'nosniff' };
    response.writeHead(status, { ...headers, ...length, ...(ends ? { connection: 'close' } : {}) });
    response.end(request.method === 'HEAD' ? undefined : body);
  } catch (error) {
    log.error('a public endpoint could not answer', { error });
    response.writeHead(503).end();
  }
}
