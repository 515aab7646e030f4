import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Closeable, Fault, LIMITS, type Log } from '#kernel';
import type { GateWorkload } from './gate-workload.ts';
import { hello } from './hello.ts';
import { identity, tlsDoor } from './tls-door.ts';

export interface FrontDoorOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly workload: GateWorkload;
  readonly log: Log;
  /** A client behind TLS whose handshake is complete; nothing of it has been verified or read. */
  readonly onSecure: (socket: TLSSocket) => void;
  /** A client that wants to go on without TLS. */
  readonly onPlain: (socket: Socket) => void;
  /** A CancelRequest without TLS, as clients before PostgreSQL 17 send it. */
  readonly onCancel: (pid: number, secret: number) => void;
}

export interface FrontDoor extends Closeable {
  readonly port: number;
}

/** Listens, and brings each client behind TLS: by SSLRequest, or directly with ALPN `postgresql`. Throws `PORT_OCCUPIED`. */
export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const { workload, onSecure, log } = options;
  const doors = [tlsDoor(workload, log), tlsDoor(workload, log)] as const;
  const [asked, direct] = doors;
  asked.on('secureConnection', onSecure);
  direct.on('secureConnection', (socket) => {
    if (socket.alpnProtocol === 'postgresql') onSecure(socket);
    else socket.destroy();
  });
  const forget = workload.onChange(() => {
    try {
      for (const door of doors) door.setSecureContext(identity(workload));
    } catch (error) {
      // Clients refuse the old certificate themselves until there is a new one.
      log.warn('the gate has no valid identity', { error });
    }
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug('a client broke off', { error }));
    if (sockets.size > LIMITS.databaseSessions.value * 2) socket.destroy();
    else hello(socket, { asked, direct, onPlain: options.onPlain, onCancel: options.onCancel });
  });
  await listening(server, options.listen);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.listen.port;
  const close = async (): Promise<void> => {
    forget();
    const closed = new Promise<void>((done) => server.close(() => done()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, close };
}

function listening(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const fault = new Fault('PORT_OCCUPIED', `another process listens on ${host}:${port}`, {
        cause,
        details: { host, port },
      });
      failed(cause.code === 'EADDRINUSE' ? fault : cause);
    });
    server.listen(port, host, done);
  });
}
