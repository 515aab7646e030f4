import type { TLSSocket } from 'node:tls';
import { type Clock, type Closeable, Lifecycle, type Log, type Random } from '#kernel';
import { serveTls, serveUnix } from '#rpc';
import { verifyX509Svid } from '#spiffe';
import { peerChain } from '#wire';
import type { SyncCaller } from './access.ts';
import { adminService } from './api/admin.ts';
import { syncService } from './api/sync.ts';
import type { ServerConfig } from './config.ts';
import { State } from './state.ts';

export interface ServerOptions extends ServerConfig {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RunningServer extends Closeable {
  readonly adminSocket: string;
  readonly sync: { readonly host: string; readonly port: number };
}

/** Opens the store, brings the authorities to life and listens. Throws what stands in the way as a fault with path or port. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { log, clock } = options;
  const life = new Lifecycle();
  try {
    const state = life.own(await State.open(options));
    const sync = life.own(
      await serveTls<SyncCaller>({
        ...options.sync,
        log,
        secureContext: (name) =>
          state
            .hosted()
            .find((hosted) => hosted.name === name)
            ?.secureContext(),
        identify: (socket) => identify(state, socket, clock),
        services: [syncService(state)],
      }),
    );
    const services = [adminService(state, () => `${sync.host}:${sync.port}`)];
    life.own(
      await serveUnix({
        path: options.adminSocket,
        mode: 0o770,
        log,
        identify: (credentials) => credentials,
        services,
      }),
    );
    return { adminSocket: options.adminSocket, sync: { host: sync.host, port: sync.port }, close: () => life.close() };
  } catch (error) {
    await life.close();
    throw error;
  }
}

/** The trust domain is the name that the client asked for; a certificate, when there is one, must verify in that trust domain. */
function identify(state: State, socket: TLSSocket, clock: Clock): SyncCaller {
  const name: unknown = Reflect.get(socket, 'servername');
  const hosted = state.trustDomain(typeof name === 'string' ? name : '');
  const chain = peerChain(socket);
  if (chain.length === 0) return { trustDomain: hosted.name };
  const { id, leaf } = verifyX509Svid({ chain, bundles: hosted.bundles(), at: clock.now(), purpose: 'client' });
  return { trustDomain: hosted.name, peer: { id, serial: leaf.serial } };
}
