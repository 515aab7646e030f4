import { connect, type TLSSocket } from 'node:tls';
import { Fault } from '#kernel';
import { peerChain, type ServiceResource } from '#wire';
import type { Identity } from './identity.ts';
import { clientContext } from './secure-context.ts';

const CONNECT_MILLIS = 10_000;

/**
 * Opens mTLS to a service; `judge` says whether it is the expected one, from its chain, before a byte is sent. No session is resumed. Throws what `judge`
 * throws, `UPSTREAM_UNAVAILABLE` or `DEADLINE_EXCEEDED`.
 */
export function dialService(
  service: ServiceResource,
  identity: Identity,
  judge: (chain: readonly Buffer[]) => void,
): Promise<TLSSocket> {
  const protocol = service.protocol === 'postgres' ? 'postgresql' : 'http/1.1';
  const endpoint = service.endpoints[0];
  if (endpoint === undefined) return Promise.reject(new Fault('UPSTREAM_UNAVAILABLE', 'the service has no endpoint'));
  const svid = identity.svid();
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...endpoint,
      secureContext: clientContext(svid),
      rejectUnauthorized: false,
      ALPNProtocols: [protocol],
    });
    const fail = (cause: unknown): void => {
      socket.destroy();
      reject(
        cause instanceof Fault ? cause : new Fault('UPSTREAM_UNAVAILABLE', 'the service cannot be reached', { cause }),
      );
    };
    const late = (): void => fail(new Fault('DEADLINE_EXCEEDED', 'the service did not answer in time'));
    socket.setTimeout(CONNECT_MILLIS, late);
    // Stays: whoever is handed the socket may listen a moment too late.
    socket.on('error', fail);
    socket.once('secureConnect', () => {
      try {
        judge(peerChain(socket));
        socket.setTimeout(0, late);
        resolve(socket);
      } catch (error) {
        fail(error);
      }
    });
  });
}
