import type { Socket } from 'node:net';
import { type Closeable, Fault, type Log } from '#kernel';
import { methodsOf, type ServiceBinding } from './bind-service.ts';
import type { BoundMethod } from './bound-method.ts';
import { type DoorLimits, unixLimits } from './door-limits.ts';
import { HeldBytes } from './held-bytes.ts';
import { whenOpened } from './opened.ts';
import { assertCallersAreNamed, type PeerCredentials, peerCredentials, releasePidfd } from './peer-credentials.ts';
import { Quota } from './quota.ts';
import { serveConnection } from './serve-connection.ts';
import { toStatus } from './status.ts';
import { Turns } from './turns.ts';
import { listenUnix } from './unix-socket.ts';

export interface UnixServerOptions<Caller> {
  readonly path: string;
  readonly mode: number;
  readonly log: Log;
  /** Turns what the kernel says into a caller, once a connection. */
  readonly identify: (credentials: PeerCredentials) => Caller;
  readonly services: readonly ServiceBinding<Caller>[];
  readonly onDisconnect?: (caller: Caller) => void;
  /** Of one user and of all: by default what `LIMITS` says, as far as descriptors allow. */
  readonly limits?: DoorLimits;
}

/** So many connections are taken up in one turn of the event loop. */
const TAKEN_UP_PER_TURN = 32;
/** So many begin to be served in one turn: answers leave at its end, so that the first of many callers need not wait for the last. */
const SERVED_PER_TURN = 8;
/** A connection beyond the limit is told so and closed. */
const REFUSED_MILLIS = 1000;
const MAX_BEING_REFUSED = 100;

/**
 * gRPC on a Unix socket: every connection has a session of its own, closed over the caller that the kernel named. Beyond the limit of its user a
 * connection's calls are answered `LIMIT_EXCEEDED`. Throws `PLATFORM_UNSUPPORTED` where the kernel names no callers, and what `listenUnix` throws.
 */
export async function serveUnix<Caller>(options: UnixServerOptions<Caller>): Promise<Closeable> {
  assertCallersAreNamed();
  const door = new Door(options);
  const listener = await listenUnix(options.path, options.mode, (socket) => door.accept(socket));
  return {
    close: async () => {
      door.close();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

class Door<Caller> {
  readonly #options: UnixServerOptions<Caller>;
  readonly #methods: ReadonlyMap<string, BoundMethod<Caller>>;
  readonly #limits: DoorLimits;
  readonly #connections: Quota;
  readonly #heldBytes: Quota;
  readonly #open = new Set<Socket>();
  readonly #turns = new Turns(TAKEN_UP_PER_TURN);
  readonly #openings = new Turns(SERVED_PER_TURN);
  #refusing = 0;

  constructor(options: UnixServerOptions<Caller>) {
    this.#options = options;
    this.#methods = methodsOf(options.services, options.log);
    this.#limits = options.limits ?? unixLimits();
    this.#connections = new Quota(this.#limits.connections);
    this.#heldBytes = new Quota(this.#limits.heldBytes);
  }

  /** Returns at once: while connections are taken up, others wait in the kernel's queue, and it is short. */
  accept(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#open.delete(socket));
    this.#turns.push(() => this.#takeUp(socket));
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #takeUp(socket: Socket): void {
    if (socket.destroyed) return;
    const { identify, onDisconnect, log } = this.#options;
    let credentials: PeerCredentials | undefined;
    try {
      credentials = peerCredentials(socket);
      const { uid } = credentials;
      const admitted = this.#connections.take(uid);
      if (admitted) socket.once('close', () => this.#connections.give(uid));
      const caller = identify(credentials);
      socket.once('close', () => onDisconnect?.(caller));
      if (admitted) this.#serve(socket, this.#methods, caller, uid);
      else this.#refuse(socket, caller, uid);
    } catch (error) {
      log.warn('connection refused', { error });
      socket.destroy();
    }
    socket.once('close', () => {
      if (credentials !== undefined) releasePidfd(credentials);
    });
  }

  #serve(socket: Socket, methods: ReadonlyMap<string, BoundMethod<Caller>>, caller: Caller, uid: number): void {
    const held = new HeldBytes(this.#heldBytes, uid);
    const { messageMillis } = this.#limits;
    const serve = (): void => {
      if (socket.destroyed) return;
      const session = serveConnection(socket, methods, caller, { held, messageMillis });
      socket.once('close', () => session.destroy());
    };
    whenOpened(socket, held, () => this.#openings.push(serve));
  }

  #refuse(socket: Socket, caller: Caller, uid: number): void {
    if (this.#refusing >= MAX_BEING_REFUSED) {
      socket.destroy();
      return;
    }
    this.#options.log.warn('too many connections', { uid });
    this.#refusing++;
    const timer = setTimeout(() => socket.destroy(), REFUSED_MILLIS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#refusing--;
    });
    const fault = new Fault('LIMIT_EXCEEDED', 'this user has too many connections open');
    const refusing = [...this.#methods].map(
      ([path, method]) =>
        [path, { ...method, handle: () => Promise.reject(fault), refuse: () => toStatus(fault) }] as const,
    );
    this.#serve(socket, new Map(refusing), caller, uid);
  }
}
