import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Fault, LIMITS } from '#kernel';

const HELLO_MILLIS = 10_000;

/** Reads a startup message, without its length; what came after it stays in the socket. Throws `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`. */
export function readStartup(socket: TLSSocket | Socket, millis: number = HELLO_MILLIS): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // For all of it: a timeout of the socket would begin anew with every byte.
    const late = setTimeout(
      () => fail(new Fault('DEADLINE_EXCEEDED', 'the startup message did not come in time')),
      millis,
    );
    let held = Buffer.alloc(0);
    const done = (settle: () => void): void => {
      socket.off('data', take);
      socket.off('close', closed);
      clearTimeout(late);
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
    socket.on('close', closed);
    socket.on('data', take);
  });
}
