import type { Socket } from 'node:net';
import { EMPTY_SETTINGS, Http2Opening } from './http2-opening.ts';

const PREFACE_MILLIS = 10_000;

/**
 * Reads a client's opening and calls `open` with it put back into the socket. A client that does not begin to speak HTTP/2 in time is cut
 * off; one that has begun may wait as long as it likes with its first request.
 */
export function whenOpened(socket: Socket, open: () => void): void {
  const opening = new Http2Opening();
  const late = setTimeout(() => socket.destroy(), PREFACE_MILLIS);
  const read = (chunk: Buffer): void => {
    const state = opening.push(chunk);
    if (state === 'more') return;
    clearTimeout(late);
    if (state === 'settings') {
      socket.write(EMPTY_SETTINGS);
      return;
    }
    socket.pause();
    socket.off('data', read);
    socket.unshift(opening.bytes);
    open();
  };
  socket.on('data', read);
  socket.once('close', () => clearTimeout(late));
}
