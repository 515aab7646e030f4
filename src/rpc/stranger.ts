import type { ServerHttp2Session } from 'node:http2';
import type { StrangerLimits } from './door-limits.ts';

/** Ends the connection of a peer that has proven nothing when it makes no call, and after a while in any case. */
export function endInTime(
  session: ServerHttp2Session,
  limits: Pick<StrangerLimits, 'idleMillis' | 'connectionMillis'>,
): void {
  const end = (): void => session.destroy();
  const old = setTimeout(end, limits.connectionMillis);
  let idle = setTimeout(end, limits.idleMillis);
  let calls = 0;
  session.on('stream', (stream) => {
    calls++;
    clearTimeout(idle);
    stream.once('close', () => {
      calls--;
      if (calls === 0 && !session.destroyed) idle = setTimeout(end, limits.idleMillis);
    });
  });
  session.once('close', () => {
    clearTimeout(old);
    clearTimeout(idle);
  });
}
