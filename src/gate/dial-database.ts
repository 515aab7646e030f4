import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Fault } from '#kernel';
import { type DatabaseAddress, placeOf, socketPathOf } from './database-address.ts';
import { connectFault } from './database-faults.ts';
import { tlsOptions } from './database-tls.ts';
import { int32, SSL_REQUEST } from './messages.ts';

const DIAL_MILLIS = 10_000;

/** Connects to the server, over verified TLS where the address says so. Throws `DATABASE_UNAVAILABLE`. */
export async function dialDatabase(address: DatabaseAddress): Promise<Duplex> {
  const { at } = address;
  // Without delay: a small message that waits for the acknowledgement of the one before costs 40 ms.
  const socket =
    at.kind === 'unix' ? connect(socketPathOf(at)) : connect({ port: at.port, host: at.host, noDelay: true });
  try {
    return await withDeadline(socket, address, async () => {
      await once(socket, 'connect');
      if (at.kind !== 'tcp' || at.tls === undefined) return socket;
      await askForTls(socket);
      return await secure(connectTls({ socket, host: at.host, ...tlsOptions(at.tls, at.host) }));
    });
  } catch (cause) {
    socket.destroy();
    throw cause instanceof Fault ? cause : connectFault(cause, address);
  }
}

/** SSLRequest. More than the one byte of its answer would have come from before TLS (CVE-2021-23222). */
async function askForTls(socket: Socket): Promise<void> {
  socket.write(Buffer.concat([int32(8), int32(SSL_REQUEST)]));
  const answer = await once(socket, 'data');
  if (!(answer instanceof Buffer) || answer.toString('latin1') !== 'S')
    throw new Fault('DATABASE_UNAVAILABLE', 'the database does not speak TLS, and sslmode asks for it');
}

async function secure(socket: TLSSocket): Promise<TLSSocket> {
  await once(socket, 'secureConnect');
  return socket;
}

/** Rejects when the stream fails or ends before it says so. */
function once(stream: Duplex, event: 'connect' | 'data' | 'secureConnect'): Promise<unknown> {
  return new Promise((done, failed) => {
    const settle = (finish: () => void): void => {
      stream.off(event, came);
      stream.off('error', broke);
      stream.off('close', closed);
      finish();
    };
    const came = (value: unknown): void => settle(() => done(value));
    const broke = (error: unknown): void => settle(() => failed(error));
    const closed = (): void => settle(() => failed(new Fault('DATABASE_UNAVAILABLE', 'the database hung up')));
    stream.on(event, came);
    stream.on('error', broke);
    stream.on('close', closed);
  });
}

async function withDeadline<T>(socket: Socket, address: DatabaseAddress, work: () => Promise<T>): Promise<T> {
  socket.setTimeout(DIAL_MILLIS, () =>
    socket.destroy(new Fault('DATABASE_UNAVAILABLE', `the database at ${placeOf(address)} did not answer in time`)),
  );
  const stream = await work();
  socket.setTimeout(0);
  return stream;
}
