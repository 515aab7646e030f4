import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/**
 * Ends a connection whose peer does not answer a ping (RFC 9113 §6.7) before the next is due, nor says anything else: one that was cut without a
 * word, or that has stopped, would hold its streams for as long as TCP keeps trying. On a slow link the ping waits behind an answer that is on
 * its way; whoever reads it gives windows meanwhile.
 */
export function endWhenSilent(session: ServerHttp2Session, socket: Socket, everyMillis: number): void {
  let answered = true;
  let heard = 0;
  const ask = (): void => {
    if (session.destroyed) return;
    answered = false;
    session.ping(() => {
      answered = true;
    });
  };
  const judge = (): void => {
    const before = heard;
    heard = socket.bytesRead;
    if (answered) ask();
    else if (heard === before) session.destroy();
  };
  // After what has arrived is read: a process that stood still itself finds the answer there.
  const timer = setInterval(() => setImmediate(judge), everyMillis);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
