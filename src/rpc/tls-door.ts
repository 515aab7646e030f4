import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { type DoorLimits, peerOfAddress, type StrangerLimits } from './door-limits.ts';
import type { CallBounds } from './grpc-call.ts';
import { HeldBytes } from './held-bytes.ts';
import { Quota } from './quota.ts';

export interface TlsDoorLimits {
  readonly known: DoorLimits;
  readonly strangers: StrangerLimits;
}

/** Counts the connections of a TLS listener by address: each is a stranger's from its first byte until its peer has proven who it is. */
export class TlsDoor {
  readonly #limits: TlsDoorLimits;
  readonly #known: Parties;
  readonly #strangers: Parties;
  /** What gives a stranger's place back, by the two ends of its connection. */
  readonly #arrived = new Map<string, () => void>();

  constructor(limits: TlsDoorLimits) {
    this.#limits = limits;
    this.#known = new Parties(limits.known);
    this.#strangers = new Parties(limits.strangers);
  }

  /** Closes connections beyond the limit before their handshake. */
  watch(listener: Server): void {
    listener.prependListener('connection', (socket: Socket) => {
      // Gone before it was taken up: it has no ends by which it could be told from others.
      if (socket.remoteAddress === undefined) return void socket.destroy();
      const peer = peerOfAddress(socket.remoteAddress);
      if (!this.#strangers.connections.take(peer)) return void socket.destroy();
      const leave = this.#arrive(endsOf(socket), () => this.#strangers.connections.give(peer));
      socket.once('close', leave);
    });
  }

  /** The peer is known: its place among the strangers is free again. False when its address has too many connections. */
  recognise(socket: TLSSocket): boolean {
    const peer = peerOfAddress(socket.remoteAddress ?? '');
    if (!this.#known.connections.take(peer)) return false;
    socket.once('close', () => this.#known.connections.give(peer));
    this.#arrived.get(endsOf(socket))?.();
    return true;
  }

  /** Returns how to leave: once only, whoever else has come by the same ends since. */
  #arrive(ends: string, give: () => void): () => void {
    let isHere = true;
    const leave = (): void => {
      if (this.#arrived.get(ends) === leave) this.#arrived.delete(ends);
      if (isHere) give();
      isHere = false;
    };
    this.#arrived.set(ends, leave);
    return leave;
  }

  bounds(socket: TLSSocket, isKnown: boolean): CallBounds {
    const { heldBytes } = isKnown ? this.#known : this.#strangers;
    const { messageMillis } = isKnown ? this.#limits.known : this.#limits.strangers;
    return { held: new HeldBytes(heldBytes, peerOfAddress(socket.remoteAddress ?? '')), messageMillis };
  }
}

class Parties {
  readonly connections: Quota;
  readonly heldBytes: Quota;

  constructor(limits: DoorLimits) {
    this.connections = new Quota(limits.connections);
    this.heldBytes = new Quota(limits.heldBytes);
  }
}

/** From one port a peer may connect to several addresses of this machine. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
