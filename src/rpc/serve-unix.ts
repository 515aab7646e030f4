import type { Socket } from 'node:net';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import type { Closeable, Log } from '#kernel';
import { newServer, type ServiceBinding } from './bind-service.ts';
import { whenOpened } from './opened.ts';
import { assertCallersAreNamed, type PeerCredentials, peerCredentials, releasePidfd } from './peer-credentials.ts';
import { listenUnix } from './unix-socket.ts';

export interface UnixServerOptions<Caller> {
  readonly path: string;
  readonly mode: number;
  readonly log: Log;
  /** Turns what the kernel says into a caller, once a connection. */
  readonly identify: (credentials: PeerCredentials) => Caller;
  readonly services: readonly ServiceBinding<Caller>[];
  readonly onDisconnect?: (caller: Caller) => void;
}

/**
 * gRPC on a Unix socket: every connection has a server of its own, closed over the caller that the kernel named.
 * Throws `PLATFORM_UNSUPPORTED` where the kernel names no callers, and what `listenUnix` throws.
 */
export async function serveUnix<Caller>(options: UnixServerOptions<Caller>): Promise<Closeable> {
  assertCallersAreNamed();
  const open = new Set<Socket>();
  const listener = await listenUnix(options.path, options.mode, (socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    accept(options, socket);
  });
  return {
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

function accept<Caller>(options: UnixServerOptions<Caller>, socket: Socket): void {
  let server: GrpcServer | undefined;
  let credentials: PeerCredentials | undefined;
  try {
    credentials = peerCredentials(socket);
    const caller = options.identify(credentials);
    socket.once('close', () => options.onDisconnect?.(caller));
    whenOpened(socket, () => {
      server = newServer(options.services, caller, options.log);
      server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
    });
  } catch (error) {
    options.log.warn('connection refused', { error });
    socket.destroy();
  }
  socket.once('close', () => {
    server?.forceShutdown();
    if (credentials !== undefined) releasePidfd(credentials);
  });
}
