import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Closeable, Log } from '#kernel';
import { methodsOf, type ServiceBinding } from './bind-service.ts';
import type { BoundMethod } from './bound-method.ts';
import { whenOpened } from './opened.ts';
import { assertCallersAreNamed, type PeerCredentials, peerCredentials, releasePidfd } from './peer-credentials.ts';
import { serveConnection } from './serve-connection.ts';
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
 * gRPC on a Unix socket: every connection has a session of its own, closed over the caller that the kernel named.
 * Throws `PLATFORM_UNSUPPORTED` where the kernel names no callers, and what `listenUnix` throws.
 */
export async function serveUnix<Caller>(options: UnixServerOptions<Caller>): Promise<Closeable> {
  assertCallersAreNamed();
  const open = new Set<Socket>();
  const methods = methodsOf(options.services, options.log);
  const listener = await listenUnix(options.path, options.mode, (socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    accept(options, methods, socket);
  });
  return {
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

function accept<Caller>(
  options: UnixServerOptions<Caller>,
  methods: ReadonlyMap<string, BoundMethod<Caller>>,
  socket: Socket,
): void {
  let session: ServerHttp2Session | undefined;
  let credentials: PeerCredentials | undefined;
  try {
    credentials = peerCredentials(socket);
    const caller = options.identify(credentials);
    socket.once('close', () => options.onDisconnect?.(caller));
    whenOpened(socket, () => {
      session = serveConnection(socket, methods, caller);
    });
  } catch (error) {
    options.log.warn('connection refused', { error });
    socket.destroy();
  }
  socket.once('close', () => {
    session?.destroy();
    if (credentials !== undefined) releasePidfd(credentials);
  });
}
