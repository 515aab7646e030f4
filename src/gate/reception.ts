import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isReasonCode } from '#chain';
import { type Clock, Fault, type Log, type Random, toFault } from '#kernel';
import type { VerifiedX509Svid } from '#spiffe';
import { peerChain } from '#wire';
import { type Backend, cancelBackend, openBackend } from './backend.ts';
import type { ContextSigner } from './context-signer.ts';
import type { Credential, Credentials } from './credentials.ts';
import type { DatabaseAddress } from './database-address.ts';
import { errorResponse } from './error-fields.ts';
import type { GateWorkload } from './gate-workload.ts';
import { authenticationOk, backendKeyData, readyForQuery } from './messages.ts';
import { Places } from './places.ts';
import { readStartup } from './read-startup.ts';
import type { Receipts } from './receipts.ts';
import { Session } from './session.ts';
import { sqlStateOf } from './sql-state.ts';
import { parseStartup, type Startup } from './startup.ts';

export interface ReceptionParts {
  readonly workload: GateWorkload;
  readonly address: DatabaseAddress;
  readonly credentials: Credentials;
  /** The database's name, as clients call it. */
  readonly database: string;
  readonly signer: ContextSigner;
  readonly receipts: Receipts;
  /** SPIFFE ID → role. */
  readonly roles: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface SignedIn extends Credential {
  readonly backend: Backend;
}

type Start = Extract<Startup, { kind: 'start' }>;

/** A client whose SVID has been verified, and whose role is known. */
interface Verified {
  readonly chain: readonly Buffer[];
  readonly peer: string;
  readonly role: string;
  readonly trustDomain: string;
  /** Of its certificate, milliseconds. */
  readonly notAfter: number;
}

interface Guest {
  readonly peer: string;
  readonly session: Session;
  readonly backend: Backend;
  readonly recheck: () => void;
}

/** Verifies who comes, gives the session its role and watches that both stay valid. */
export class Reception {
  readonly #parts: ReceptionParts;
  readonly #guests = new Map<string, Guest>();
  readonly #places = new Places();

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
  }

  /** Takes a client whose TLS handshake is complete, until it leaves. */
  async receive(socket: TLSSocket): Promise<void> {
    socket.on('error', (error) => this.#parts.log.debug('a client broke off', { error }));
    let peer: string | undefined;
    try {
      const chain = peerChain(socket);
      const verified = this.#verify(socket, chain);
      peer = verified.id.toString();
      const startup = parseStartup(await readStartup(socket));
      if (startup.kind === 'cancel') {
        socket.end();
        return this.cancel(startup.pid, startup.secret, peer);
      }
      await this.#serve(socket, startup, verified, chain);
    } catch (error) {
      this.refuse(socket, error, peer);
    }
  }

  /** Tells a client why it may not come in. */
  refuse(socket: Socket, error: unknown, peer?: string): void {
    const fault = toFault(error);
    const code = isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
    if (code === 'INTERNAL_ERROR' || code === 'DATABASE_UNAVAILABLE')
      this.#parts.log.error('a client was not served', { error });
    const id = this.#parts.receipts.leave({ effect: 'deny', code, peer, resource: this.#parts.database });
    socket.end(errorResponse({ severity: 'FATAL', sqlState: sqlStateOf(code), code, sentence: fault.message, id }));
    // What it still sends is read and dropped, so that the refusal is not lost in a reset.
    socket.resume();
    setTimeout(() => socket.destroy(), 2000).unref();
  }

  /** A CancelRequest: whoever knows both numbers may, and behind TLS only the workload whose session it is. */
  cancel(pid: number, secret: number, peer?: string): void {
    const guest = this.#guests.get(keyOf(pid, secret));
    if (guest === undefined || (peer !== undefined && peer !== guest.peer)) return;
    this.#cancel(guest.backend);
  }

  #cancel(backend: Backend): void {
    cancelBackend(this.#parts.address, backend).catch((error) => {
      this.#parts.log.warn('a cancel request did not reach the database', { error });
    });
  }

  /** An SVID, bundle or revocation has changed: every session is looked at again. */
  recheck(): void {
    for (const guest of [...this.#guests.values()]) guest.recheck();
  }

  close(): void {
    for (const { session } of [...this.#guests.values()])
      session.end(new Fault('DATABASE_UNAVAILABLE', 'the gate is closing'));
  }

  #verify(socket: TLSSocket, chain: readonly Buffer[]): VerifiedX509Svid {
    if (socket.isSessionReused()) throw new Fault('PEER_CERTIFICATE_MISSING', 'a resumed session proves no identity');
    return this.#parts.workload.verifyPeer(chain);
  }

  /** What is wrong with the database is for the operator's log: a client learns that it is away. */
  async #login(role: string, parameters: ReadonlyMap<string, string>): Promise<SignedIn> {
    const { address, credentials, random } = this.#parts;
    try {
      return await credentials.login(role, async (credential) => ({
        ...credential,
        backend: await openBackend(address, credential, parameters, random),
      }));
    } catch (cause) {
      const { code } = toFault(cause);
      if (code === 'DATABASE_ACCESS_DENIED' || code === 'DATABASE_CREDENTIAL_EXPIRED') throw cause;
      throw new Fault('DATABASE_UNAVAILABLE', 'the database did not answer', { cause });
    }
  }

  async #serve(
    socket: TLSSocket,
    startup: Start,
    { id, notAfter }: VerifiedX509Svid,
    chain: readonly Buffer[],
  ): Promise<void> {
    const { database, roles } = this.#parts;
    const peer = id.toString();
    const role = roles.get(peer);
    if (role === undefined) throw new Fault('DATABASE_ROLE_UNMAPPED', 'no database role is mapped to this workload');
    if (startup.database !== database) throw new Fault('DATABASE_ACCESS_DENIED', 'the gate leads to another database');
    const leave = this.#places.take(peer);
    try {
      await this.#host(socket, startup, { chain, peer, role, trustDomain: id.trustDomain, notAfter });
    } finally {
      leave();
    }
  }

  /** One session, from the login to its end. */
  async #host(socket: TLSSocket, startup: Start, guest: Verified): Promise<void> {
    const { clock, random, workload } = this.#parts;
    const { chain, peer, role, trustDomain, notAfter } = guest;
    const { backend, login, expiresAt } = await this.#login(role, startup.parameters);
    const key = { pid: random.bytes(4).readUInt32BE(0) & 0x7fff_ffff, secret: random.bytes(4).readUInt32BE(0) };
    const session = new Session({
      ...this.#parts,
      client: socket,
      backend,
      peer,
      trustDomain,
      role,
      login,
      cancel: () => this.#cancel(backend),
    });
    const recheck = (): void => {
      try {
        workload.verifyPeer(chain);
        session.assertUserStands();
      } catch (error) {
        session.end(toFault(error));
      }
    };
    const timers = [
      clock.at(expiresAt, () =>
        session.end(expired('DATABASE_CREDENTIAL_EXPIRED', 'the database credential has expired; connect again')),
      ),
      clock.at(notAfter, () =>
        session.end(expired('PEER_CERTIFICATE_EXPIRED', 'the certificate of the connection has expired')),
      ),
    ];
    this.#guests.set(keyOf(key.pid, key.secret), { peer, session, backend, recheck });
    try {
      const hello = [startup.negotiation ?? Buffer.alloc(0), authenticationOk(), ...backend.parameters];
      socket.write(Buffer.concat([...hello, backendKeyData(key.pid, key.secret), readyForQuery('I')]));
      recheck();
      await session.run();
    } finally {
      for (const timer of timers) timer.cancel();
      this.#guests.delete(keyOf(key.pid, key.secret));
    }
  }
}

function keyOf(pid: number, secret: number): string {
  return `${pid}:${secret}`;
}

function expired(code: string, sentence: string): Fault {
  return new Fault(code, sentence);
}
