import type { Socket } from 'node:net';
import { CallBytes, type HeldBytes } from './held-bytes.ts';
import { EMPTY_SETTINGS, Http2Opening } from './http2-opening.ts';

const OPENING_MILLIS = 10_000;

/**
 * Reads a client's opening and calls `open` with it put back into the socket. A client that does not begin to speak HTTP/2 in time is cut off,
 * and so is one that does not end its first request; between the two it may wait as long as it likes. What has come is held in its name.
 */
export function whenOpened(socket: Socket, held: HeldBytes, open: () => void): void {
  const opening = new Http2Opening();
  const bytes = new CallBytes(held);
  const late = (): NodeJS.Timeout => setTimeout(() => socket.destroy(), OPENING_MILLIS);
  let timer: NodeJS.Timeout | undefined = late();
  const end = (): void => {
    clearTimeout(timer);
    bytes.end();
  };
  const read = (chunk: Buffer): void => {
    if (!isHeld(bytes, chunk)) return void socket.destroy();
    const state = opening.push(chunk);
    if (state === 'ready') {
      end();
      socket.pause();
      socket.off('data', read);
      socket.unshift(opening.bytes);
      open();
      return;
    }
    if (state === 'settings') socket.write(EMPTY_SETTINGS);
    if (opening.isIdle) {
      clearTimeout(timer);
      timer = undefined;
    } else timer ??= late();
  };
  socket.on('data', read);
  socket.once('close', end);
}

/** The room for what has come is up to twice as large. */
function isHeld(bytes: CallBytes, chunk: Buffer): boolean {
  try {
    bytes.hold(2 * chunk.length);
    return true;
  } catch {
    return false;
  }
}
