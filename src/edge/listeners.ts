import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import { faultOfParser, noTunnel, unmetExpectation } from '#http';
import { Fault, LIMITS } from '#kernel';
import type { X509Svid } from '#spiffe';
import { TLS_LISTENER } from '#wire';
import type { EdgeWorkload } from './edge-workload.ts';

export type Scheme = 'http' | 'https';

export interface ListenerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly workload: EdgeWorkload;
  readonly handle: (request: IncomingMessage, response: ServerResponse, scheme: Scheme) => Promise<void>;
  /** What cannot be parsed at all; hands back the bytes of the answer. */
  readonly refuse: (fault: Fault) => string;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const GRACE_MILLIS = 2000;
const HTTP: ServerOptions = {
  maxHeaderSize: LIMITS.headerBytes.value,
  insecureHTTPParser: false,
  // Ours to judge, with a receipt.
  requireHostHeader: false,
  headersTimeout: 15_000,
  requestTimeout: 300_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 5000,
};

export function listenHttp(options: ListenerOptions): Promise<Listener> {
  return open(createServer(HTTP), options, 'http');
}

/** HTTPS with the edge's own X509-SVID, the current one in every handshake. No ticket is given: none outlives a certificate. */
export async function listenHttps(options: ListenerOptions): Promise<Listener> {
  const context = new CurrentContext(options.workload);
  const server = createTlsServer({
    ...HTTP,
    ...TLS_LISTENER,
    ...context.pem(),
    ALPNProtocols: ['http/1.1'],
    SNICallback: (_name, done) => context.give(done),
  });
  const forget = options.workload.onChange(() => server.setSecureContext({ ...TLS_LISTENER, ...context.pem() }));
  server.once('close', forget);
  return open(server, options, 'https');
}

class CurrentContext {
  readonly #workload: EdgeWorkload;
  #made: { readonly svid: X509Svid; readonly context: SecureContext } | undefined;

  constructor(workload: EdgeWorkload) {
    this.#workload = workload;
  }

  pem(): { readonly key: string | Buffer; readonly cert: string } {
    return pemOf(this.#workload.svid());
  }

  give(done: (error: Error | null, context?: SecureContext) => void): void {
    try {
      const svid = this.#workload.svid();
      if (this.#made?.svid !== svid) this.#made = { svid, context: createSecureContext(pemOf(svid)) };
      done(null, this.#made.context);
    } catch (error) {
      done(error instanceof Error ? error : new Fault('IDENTITY_UNAVAILABLE', 'the edge has no identity'));
    }
  }
}

function pemOf({ privateKey, chain }: X509Svid): { readonly key: string | Buffer; readonly cert: string } {
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: chain.map((der) => new X509Certificate(der).toString()).join(''),
  };
}

async function open(server: Server, options: ListenerOptions, scheme: Scheme): Promise<Listener> {
  const { listen, handle, refuse } = options;
  server.maxConnections = LIMITS.edgeConnections.value;
  // Fields beyond a count would be dropped silently; their bytes are bounded.
  server.maxHeadersCount = 0;
  server.on('request', (request, response) => void handle(request, response, scheme));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    socket.end(refuse(faultOfParser(error)));
  });
  server.on('connect', (_request, socket) => void socket.end(refuse(noTunnel())));
  server.on('checkExpectation', ({ socket }) => void socket.end(refuse(unmetExpectation())));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Fault('PORT_OCCUPIED', `nothing can listen on ${listen.host}:${listen.port}`, { cause })),
    );
    server.listen(listen, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listen.port;
  return { host: listen.host, port, close: () => closeServer(server) };
}

/** What is under way may end; then connections are cut. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MILLIS);
  await closed;
  clearTimeout(timer);
}
