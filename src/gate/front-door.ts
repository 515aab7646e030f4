import { constants } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { type Closeable, Fault, isFault, LIMITS, type Log } from '#kernel';
import { pemCertificates } from '#x509';
import type { GateWorkload } from './gate-workload.ts';
import { CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST } from './messages.ts';

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

const HELLO_MILLIS = 10_000;
const TLS_HANDSHAKE_RECORD = 0x16;

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
    else hello(socket, asked, direct, options);
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

function tlsDoor(workload: GateWorkload, log: Log): TlsServer {
  const server = createTlsServer({
    ...identity(workload),
    requestCert: true,
    // Verified by the X509-SVID validator against the bundle of the client's own trust domain, not by OpenSSL against a pool of roots.
    rejectUnauthorized: false,
    ALPNProtocols: ['postgresql'],
    handshakeTimeout: HELLO_MILLIS,
  });
  server.on('tlsClientError', (error, socket) => {
    log.debug('a TLS handshake failed', { error });
    socket.destroy();
  });
  return server;
}

function identity(workload: GateWorkload): TlsOptions {
  const svid = workload.svid();
  return {
    cert: pemCertificates([...svid.chain]),
    key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    minVersion: 'TLSv1.3',
    // A resumed session would skip the client's certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function hello(socket: Socket, asked: TlsServer, direct: TlsServer, options: FrontDoorOptions): void {
  socket.setTimeout(HELLO_MILLIS, () => socket.destroy());
  let held = Buffer.alloc(0);
  const take = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    if (held[0] === TLS_HANDSHAKE_RECORD) {
      handOver(direct, held);
      return;
    }
    if (held.length < 8) return;
    const length = held.readUInt32BE(0);
    const request = held.readUInt32BE(4);
    if (request === CANCEL_REQUEST && length === 16) {
      if (held.length < 16) return;
      options.onCancel(held.readUInt32BE(8), held.readUInt32BE(12));
      socket.end();
      return;
    }
    if (length !== 8) {
      socket.off('data', take);
      options.onPlain(socket);
      return;
    }
    // Bytes that follow the request before TLS would be taken for bytes behind it (CVE-2021-23222).
    if (held.length > 8) return void socket.destroy();
    held = Buffer.alloc(0);
    if (request === GSS_REQUEST) return void socket.write('N');
    if (request !== SSL_REQUEST) return void socket.destroy();
    socket.write('S');
    handOver(asked, held);
  };
  const handOver = (door: TlsServer, read: Buffer): void => {
    socket.off('data', take);
    socket.pause();
    if (read.length > 0) socket.unshift(read);
    socket.setTimeout(0);
    door.emit('connection', socket);
  };
  socket.on('data', take);
}

/** The certificates that a client presented, DER, leaf first. */
export function presentedChain(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length <= LIMITS.certificateChainLength.value) {
    const der = certificate.raw;
    if (chain.some((known) => known.equals(der))) break;
    chain.push(der);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

/** Reads a startup message, without its length; what came after it stays in the socket. Throws `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`. */
export function readStartup(socket: TLSSocket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const done = (settle: () => void): void => {
      socket.off('data', take);
      socket.off('close', closed);
      socket.setTimeout(0);
      socket.pause();
      settle();
    };
    const fail = (fault: Fault): void => done(() => reject(fault));
    const closed = (): void => fail(new Fault('ARGUMENT_INVALID', 'the client left'));
    const take = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      if (held.length < 4) return;
      const length = held.readUInt32BE(0);
      if (length < 8 || length > LIMITS.databaseStartupBytes.value) {
        fail(new Fault('LIMIT_EXCEEDED', 'the startup message is too long or malformed'));
        return;
      }
      if (held.length < length) return;
      done(() => {
        if (held.length > length) socket.unshift(held.subarray(length));
        resolve(held.subarray(4, length));
      });
    };
    socket.setTimeout(HELLO_MILLIS, () =>
      fail(new Fault('DEADLINE_EXCEEDED', 'the startup message did not come in time')),
    );
    socket.on('close', closed);
    socket.on('data', take);
  });
}

function listening(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const occupied = cause.code === 'EADDRINUSE';
      const fault = new Fault('PORT_OCCUPIED', `another process listens on ${host}:${port}`, {
        cause,
        details: { host, port },
      });
      failed(occupied || isFault(cause) ? fault : cause);
    });
    server.listen(port, host, done);
  });
}
