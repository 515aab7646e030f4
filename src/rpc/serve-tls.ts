import type { AddressInfo } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { type Closeable, Fault, type Log } from '#kernel';
import { TLS_LISTENER } from '#wire';
import { methodsOf, type ServiceBinding } from './bind-service.ts';
import type { BoundMethod } from './bound-method.ts';
import { strangerLimits, tlsLimits } from './door-limits.ts';
import { endWhenSilent } from './end-when-silent.ts';
import { serveConnection } from './serve-connection.ts';
import { endInTime } from './stranger.ts';
import { TlsDoor, type TlsDoorLimits } from './tls-door.ts';

/** PEM. A renewed identity is another object. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

export type TlsServerOptions<Caller> = TlsListenerOptions<Caller> &
  (
    | {
        /** The server's certificate for a name; undefined refuses the handshake. A client that sends no name is refused. */
        readonly secureContext: (servername: string) => SecureContext | undefined;
      }
    | {
        /** One certificate for all, whatever name they send, or none as clients of an IP address do; undefined refuses the connection. */
        readonly identity: () => TlsIdentity | undefined;
      }
  );

interface TlsListenerOptions<Caller> {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  /** Identifies the peer after the handshake, before a byte is read; a throw closes the connection. */
  readonly identify: (socket: TLSSocket) => Caller;
  /** Whether the caller has proven who it is. Others are strangers: fewer, with less held for them, and not for long. */
  readonly isKnown: (caller: Caller) => boolean;
  readonly services: readonly ServiceBinding<Caller>[];
  /** How often a peer is asked whether it is there still; 5 s where none is said. */
  readonly pingMillis?: number;
  /** By default what `LIMITS` says, as far as descriptors allow. */
  readonly limits?: TlsDoorLimits;
}

export interface TlsServer extends Closeable {
  readonly host: string;
  readonly port: number;
}

const HANDSHAKE_MILLIS = 10_000;
const PING_MILLIS = 5000;
const TRANSPORT = { ...TLS_LISTENER, sessionTimeout: 1 } as const;
/** A peer that is gone without a word is noticed by the kernel; streams stay open for days. */
const KEEP_ALIVE = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 } as const;

/**
 * gRPC over TLS 1.2 or later with ALPN `h2`. A client certificate is asked for, not required, and verified by `identify`, never by Node's
 * flat pool. No session tickets: a resumed session would skip verification. Throws `PORT_OCCUPIED`.
 */
export async function serveTls<Caller>(options: TlsServerOptions<Caller>): Promise<TlsServer> {
  const open = new Set<TLSSocket>();
  const methods = methodsOf(options.services, options.log);
  const limits = options.limits ?? { known: tlsLimits(), strangers: strangerLimits() };
  const reception = { methods, limits, door: new TlsDoor(limits) };
  const listener = createServer(
    {
      ...TRANSPORT,
      ...KEEP_ALIVE,
      ALPNProtocols: ['h2'],
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MILLIS,
      ...('secureContext' in options ? { SNICallback: byName(options.secureContext) } : {}),
    },
    (socket) => {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => open.delete(socket));
      accept(options, reception, socket);
    },
  );
  reception.door.watch(listener);
  if ('identity' in options) presentToAll(listener, options.identity);
  listener.on('tlsClientError', (error, socket) => {
    options.log.debug('handshake failed', { error });
    socket.destroy();
  });
  const port = await listen(listener, options.host, options.port);
  return {
    host: options.host,
    port,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

function byName(secureContext: (servername: string) => SecureContext | undefined): TlsOptions['SNICallback'] {
  return (name, done) => {
    const context = secureContext(name);
    done(context === undefined ? new Fault('TRUST_DOMAIN_INVALID', 'no such trust domain') : null, context);
  };
}

/** Before each handshake the listener takes up an identity that has been renewed. */
export function presentToAll(
  listener: Server,
  identity: () => TlsIdentity | undefined,
  transport: TlsOptions = TRANSPORT,
): void {
  let presented: TlsIdentity | undefined;
  listener.prependListener('connection', (socket) => {
    const current = identity();
    if (current === undefined) socket.destroy();
    else if (current !== presented) listener.setSecureContext({ ...transport, ...current });
    presented = current ?? presented;
  });
}

interface Reception<Caller> {
  readonly methods: ReadonlyMap<string, BoundMethod<Caller>>;
  readonly door: TlsDoor;
  readonly limits: TlsDoorLimits;
}

function accept<Caller>(options: TlsListenerOptions<Caller>, reception: Reception<Caller>, socket: TLSSocket): void {
  const { methods, door, limits } = reception;
  try {
    // None is ever offered; were one taken up all the same, its peer would have proven nothing this time.
    if (socket.isSessionReused()) throw new Fault('PEER_CERTIFICATE_MISSING', 'resumed sessions are not accepted');
    const caller = options.identify(socket);
    const isKnown = options.isKnown(caller);
    if (isKnown && !door.recognise(socket)) throw new Fault('LIMIT_EXCEEDED', 'this address has too many connections');
    const session = serveConnection(socket, methods, caller, door.bounds(socket, isKnown));
    if (!isKnown) endInTime(session, limits.strangers);
    endWhenSilent(session, socket, options.pingMillis ?? PING_MILLIS);
    session.once('close', () => socket.destroy());
    socket.once('close', () => session.destroy());
  } catch (error) {
    options.log.warn('connection refused', { error });
    socket.destroy();
  }
}

async function listen(listener: ReturnType<typeof createServer>, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    listener.once('error', (cause: NodeJS.ErrnoException) => {
      const occupied = cause.code === 'EADDRINUSE';
      reject(occupied ? new Fault('PORT_OCCUPIED', `another process listens on ${host}:${port}`, { cause }) : cause);
    });
    listener.listen({ host, port, backlog: 4096 }, resolve);
  });
  const address: AddressInfo | string | null = listener.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
