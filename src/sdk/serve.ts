import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { faultOfParser, noTunnel, unmetExpectation } from '#http';
import { Fault, LIMITS, toFault } from '#kernel';
import { peerChain, TLS_LISTENER } from '#wire';
import { answer, type Handler } from './exchange.ts';
import { KeptTokens } from './kept-tokens.ts';
import { Peer } from './peer.ts';
import { refuseConnection } from './refuse-connection.ts';
import { pemOf } from './secure-context.ts';
import type { ServeOptions } from './serve-options.ts';
import { UnderWay } from './under-way.ts';

const SERVER: ServerOptions = {
  ...TLS_LISTENER,
  requestCert: true,
  rejectUnauthorized: false,
  ALPNProtocols: ['http/1.1'],
  handshakeTimeout: 10_000,
  maxHeaderSize: LIMITS.headerBytes.value,
  insecureHTTPParser: false,
  // Ours to judge, with a receipt.
  requireHostHeader: false,
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1000,
};

/**
 * An HTTPS server in which no request is read before its peer has proven an X509-SVID of a trusted trust domain, and no handler runs before the
 * user's token and the policy have been judged. Every request leaves a receipt.
 */
export function createGuardedServer(options: ServeOptions, handler: Handler): Server {
  const { identity, enforcement } = options;
  const peers = new WeakMap<object, Peer>();
  const underWay = new UnderWay();
  const served = { ...options, internalJwts: new KeptTokens() };
  /** Bytes that had come when the handshake was complete. */
  const untouched = new WeakMap<object, number>();
  const server = createServer({ ...SERVER, ...pemOf(identity.svid()) });
  server.maxConnections = LIMITS.serviceConnections.value;
  // Fields beyond a count would be dropped silently; their bytes are bounded.
  server.maxHeadersCount = 0;
  const [serveHttp] = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    try {
      if (socket.isSessionReused()) throw new Fault('PEER_CERTIFICATE_MISSING', 'resumed sessions are not accepted');
      untouched.set(socket, socket.bytesRead);
      peers.set(socket, new Peer(options, peerChain(socket)));
      serveHttp?.call(server, socket);
    } catch (error) {
      refuseConnection(options, socket, toFault(error));
    }
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const before = untouched.get(socket);
    // No handshake, or nothing after it: nothing is said, for a client would take it for the answer to its first request.
    const silent = before === undefined || before === Reflect.get(socket, 'bytesRead');
    if (error.code === 'ECONNRESET' || !socket.writable || silent) socket.destroy();
    else refuseConnection(options, socket, faultOfParser(error));
  });
  // What Node would answer by itself, or drop, without a receipt.
  server.on('connect', (_request, socket) => refuseConnection(options, socket, noTunnel()));
  server.on('checkExpectation', ({ socket }) => refuseConnection(options, socket, unmetExpectation()));
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void answer(served, handler, underWay, { request, response, peer: peers.get(request.socket) });
  });
  const rotate = identity.onChange(() => server.setSecureContext({ ...TLS_LISTENER, ...pemOf(identity.svid()) }));
  const recheck = [identity.onChange(() => underWay.recheck()), enforcement.onChange(() => underWay.recheck())];
  server.once('close', () => {
    for (const end of [rotate, ...recheck]) end();
  });
  return server;
}
