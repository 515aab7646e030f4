import type { ServerHttp2Session } from 'node:http2';

/**
 * Ends a connection whose peer does not answer a ping (RFC 9113 §6.7) before the next is due: one that was cut without a word, or that has
 * stopped, would hold its streams for as long as TCP keeps trying.
 */
export function endWhenSilent(session: ServerHttp2Session, everyMillis: number): void {
  let answered = true;
  const ask = (): void => {
    if (session.destroyed) return;
    answered = false;
    session.ping(() => {
      answered = true;
    });
  };
  const judge = (): void => {
    if (answered) ask();
    else session.destroy();
  };
  // After what has arrived is read: a process that stood still itself finds the answer there.
  const timer = setInterval(() => setImmediate(judge), everyMillis);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
