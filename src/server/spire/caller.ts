import type { TLSSocket } from 'node:tls';
import type { PeerCredentials } from '#rpc';
import { peerChain } from '#wire';
import type { Connection, Connections } from '../connections.ts';
import type { HostedTrustDomain } from '../hosted-trust-domain.ts';
import { PeerVerification } from '../peer-verification.ts';
import type { State } from '../state.ts';
import { findForeignAdmin } from './admin-ids.ts';

/** Who is at the other end of one connection to a trust domain's listeners. What a certificate proves is judged on every call. */
export type SpireCaller =
  | { readonly kind: 'local'; readonly trustDomain: string; readonly credentials: PeerCredentials }
  | {
      readonly kind: 'tls';
      readonly trustDomain: string;
      readonly address: string;
      /** Absent for a client without certificate. */
      readonly peer?: PeerVerification;
      /** Tells the connection that its peer has been named, so that a ban closes it. */
      readonly connection: Connection;
    };

export function tlsCaller(trustDomain: string, socket: TLSSocket, connections: Connections): SpireCaller {
  const chain = peerChain(socket);
  return {
    kind: 'tls',
    trustDomain,
    address: socket.remoteAddress ?? '',
    connection: connections.accept(socket),
    ...(chain.length === 0 ? {} : { peer: new PeerVerification(chain) }),
  };
}

/** Whether a caller's certificate verifies now. One that does not may still attest. */
export function isKnown(state: State, hosted: HostedTrustDomain, caller: SpireCaller): boolean {
  if (caller.kind === 'local') return true;
  try {
    return caller.peer?.at(state.options.clock.now(), hosted) !== undefined;
  } catch {
    return caller.peer !== undefined && findForeignAdmin(state, hosted.name, caller.peer) !== undefined;
  }
}
