import { connect, type TLSSocket } from 'node:tls';
import { Fault } from '#kernel';
import { peerChain } from '#wire';

export interface TlsDial {
  readonly host: string;
  readonly port: number;
  readonly servername: string;
  /** PEM; absent for a client without identity. */
  readonly identity?: { readonly key: string | Buffer; readonly cert: string };
  /** Judges the peer's chain (DER, leaf first) before a byte is sent; a throw closes the connection. */
  readonly verify: (chain: readonly Buffer[]) => void;
}

const CONNECT_MILLIS = 10_000;
const KEEP_ALIVE_MILLIS = 10_000;

/** TLS with ALPN `h2` whose peer is verified by `verify`, not by Node's pool of roots. No session is ever resumed. */
export function dialTls({ host, port, servername, identity, verify }: TlsDial): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port,
      servername,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2' as const,
    };
    const socket = connect({ ...options, ...identity });
    const fail = (cause: unknown): void => {
      socket.destroy();
      reject(
        cause instanceof Fault
          ? cause
          : new Fault('UPSTREAM_UNAVAILABLE', `nothing sound answers at ${host}:${port}`, { cause }),
      );
    };
    socket.setTimeout(CONNECT_MILLIS, () =>
      fail(new Fault('DEADLINE_EXCEEDED', `no answer at ${host}:${port} in time`)),
    );
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      try {
        verify(peerChain(socket));
        socket.setTimeout(0);
        // A peer that vanished without a word is noticed, also while there is nothing to say.
        socket.setKeepAlive(true, KEEP_ALIVE_MILLIS);
        resolve(socket);
      } catch (error) {
        fail(error);
      }
    });
  });
}
