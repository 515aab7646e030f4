import type { Socket } from 'node:net';
import type { Server } from 'node:tls';
import { CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST } from './messages.ts';

const HELLO_MILLIS = 10_000;
const TLS_HANDSHAKE_RECORD = 0x16;

/** Where a client is brought by the first bytes that it says. */
export interface Ways {
  /** TLS after an SSLRequest. */
  readonly asked: Server;
  /** TLS at once. */
  readonly direct: Server;
  /** A client that wants to go on without TLS. */
  readonly onPlain: (socket: Socket) => void;
  /** A CancelRequest without TLS, as clients before PostgreSQL 17 send it. */
  readonly onCancel: (pid: number, secret: number) => void;
}

/** Listens to the first bytes of a client, and to nothing of it beyond them. All of it is said in time, however slowly it comes. */
export function hello(socket: Socket, ways: Ways, millis: number = HELLO_MILLIS): void {
  const { asked, direct } = ways;
  const late = setTimeout(() => socket.destroy(), millis);
  socket.once('close', () => clearTimeout(late));
  let held = Buffer.alloc(0);
  let refused = false;
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
      ways.onCancel(held.readUInt32BE(8), held.readUInt32BE(12));
      socket.end();
      return;
    }
    if (length !== 8) {
      clearTimeout(late);
      socket.off('data', take);
      ways.onPlain(socket);
      return;
    }
    // Bytes that follow the request before TLS would be taken for bytes behind it (CVE-2021-23222).
    if (held.length > 8) return void socket.destroy();
    held = Buffer.alloc(0);
    if (request === GSS_REQUEST && !refused) {
      refused = true;
      return void socket.write('N');
    }
    if (request !== SSL_REQUEST) return void socket.destroy();
    socket.write('S');
    handOver(asked, held);
  };
  const handOver = (door: Server, read: Buffer): void => {
    socket.off('data', take);
    socket.pause();
    if (read.length > 0) socket.unshift(read);
    clearTimeout(late);
    door.emit('connection', socket);
  };
  socket.on('data', take);
}
