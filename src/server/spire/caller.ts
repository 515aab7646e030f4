import type { TLSSocket } from 'node:tls';
import type { PeerCredentials } from '#rpc';
import { peerChain } from '#wire';
import type { Connection, Connections } from '../connections.ts';

/** Who is at the other end of one connection to a trust domain's listeners. What a certificate proves is judged on every call. */
export type SpireCaller =
  | { readonly kind: 'local'; readonly trustDomain: string; readonly credentials: PeerCredentials }
  | {
      readonly kind: 'tls';
      readonly trustDomain: string;
      readonly address: string;
      /** DER, leaf first, as presented; nothing of it is verified yet. */
      readonly chain: readonly Buffer[];
      /** Tells the connection that its peer has been named, so that a ban closes it. */
      readonly connection: Connection;
    };

export function tlsCaller(trustDomain: string, socket: TLSSocket, connections: Connections): SpireCaller {
  return {
    kind: 'tls',
    trustDomain,
    address: socket.remoteAddress ?? '',
    chain: peerChain(socket),
    connection: connections.accept(socket),
  };
}
