import type { TLSSocket } from 'node:tls';
import type { Receipt } from '#chain';
import type { VerifiedToken } from '#jwt';
import { type Clock, type Closeable, Fault, Lifecycle, systemClock } from '#kernel';
import type { SpiffeId, VerifiedX509Svid, X509BundleSet, X509Svid } from '#spiffe';
import {
  type Client,
  createGrpcClient,
  dialUnix,
  type MinterResource,
  ReceiptReporter,
  type ServiceResource,
  type TokenKind,
} from '#wire';
import { EnforcementPointDefinition } from '#wire/gen/hauberk_workload';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { diagnose } from './diagnose.ts';
import { dialService } from './dial-service.ts';
import { Enforcement, type RevocationSubject } from './enforcement.ts';
import { followAgent } from './follow-agent.ts';
import { Identity } from './identity.ts';
import { OpenConnections } from './open-connections.ts';
import { verifyUserToken } from './user-token.ts';
import { waitUntil } from './wait-until.ts';

export interface EnforcementPointOptions {
  /** Path of the agent's socket. */
  readonly socketPath: string;
  readonly clock?: Clock;
  /** How long to wait for an identity and for what to enforce, milliseconds. Default 10 s. */
  readonly timeoutMillis?: number;
  /** Told of each attempt to reach the agent that failed, also later on. */
  readonly onTrouble?: (error: unknown) => void;
}

export interface MinterQuestion {
  readonly trustDomain: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  readonly kinds: readonly TokenKind[];
}

const PATIENCE_MILLIS = 10_000;
const SEEN_MILLIS = 2000;

/**
 * Connects to the agent of this node, and waits until it has given an identity and what to enforce: an agent that restarts, or an entry that is still on
 * its way, is waited for. Throws in the end what is wrong: `AGENT_SOCKET_MISSING`, `AGENT_SOCKET_REFUSED`, `IDENTITY_NO_ENTRY` with the selectors that
 * the agent saw, `IDENTITY_UNAVAILABLE`; or the signal's reason.
 */
export async function connectEnforcementPoint(
  options: EnforcementPointOptions,
  signal?: AbortSignal,
): Promise<EnforcementPoint> {
  const point = new EnforcementPoint(options);
  try {
    await point.ready(options.timeoutMillis ?? PATIENCE_MILLIS, signal);
    return point;
  } catch (error) {
    await point.close();
    throw error;
  }
}

/**
 * One process that enforces: its identity, what it enforces, and its receipts, all over the agent's socket. Follows rotation and every change from then
 * on and acknowledges what it applied; keeps what it has while the agent is away, until it expires.
 */
export class EnforcementPoint implements Closeable {
  readonly identity: Identity;
  readonly enforced = new Enforcement();
  readonly clock: Clock;
  readonly #socketPath: string;
  readonly #point: Client<typeof EnforcementPointDefinition>;
  readonly #reporter: ReceiptReporter;
  readonly #life = new Lifecycle();
  readonly #dialled = new OpenConnections();
  #failure: unknown;

  constructor({ socketPath, clock = systemClock, onTrouble }: EnforcementPointOptions) {
    this.#socketPath = socketPath;
    this.clock = clock;
    this.identity = new Identity(clock);
    const client = { dial: () => dialUnix(socketPath), metadata: { 'workload.spiffe.io': 'true' } };
    const api = this.#life.own(createGrpcClient(SpiffeWorkloadAPIDefinition, client));
    this.#point = this.#life.own(createGrpcClient(EnforcementPointDefinition, client));
    this.#reporter = this.#life.own(
      new ReceiptReporter((receiptsJson) => this.#point.reportReceipts({ receiptsJson })),
    );
    const stop = new AbortController();
    this.#life.defer(() => stop.abort());
    const failed = (error: unknown): void => {
      this.#failure = error;
      if (!stop.signal.aborted) onTrouble?.(error);
    };
    this.#life.defer(this.onChange(() => this.#dialled.recheck()));
    const { identity, enforced } = this;
    followAgent({ api, point: this.#point, identity, enforced, failed }, stop.signal);
  }

  get id(): SpiffeId {
    return this.identity.svid().id;
  }

  /** The current X509-SVID. Throws `IDENTITY_UNAVAILABLE` when it has expired. */
  svid(): X509Svid {
    return this.identity.svid();
  }

  bundles(): X509BundleSet {
    return this.identity.bundles();
  }

  /** A peer's chain (DER, leaf first) against the bundle of its own trust domain, and against revocation. Throws `PEER_…`. */
  verifyPeer(chain: readonly Uint8Array[], purpose: 'client' | 'server'): VerifiedX509Svid {
    const peer = this.identity.verify(chain, purpose);
    this.enforced.assertPeer(peer.id);
    return peer;
  }

  /** A user's token of one kind for an audience. Throws `TOKEN_…` or `MINTER_UNKNOWN`. */
  verifyUserToken(token: string, kind: TokenKind, audience: string): Promise<VerifiedToken> {
    return verifyUserToken({ token, kind, audience, clock: this.clock }, this.enforced);
  }

  isRevoked(trustDomain: string, subject: RevocationSubject): boolean {
    return this.enforced.isRevoked(trustDomain, subject);
  }

  /** A service by `<service>.<namespace>`, or by its name in a namespace. */
  findService(name: string, namespace = ''): ServiceResource | undefined {
    return this.enforced.service(name, namespace);
  }

  /** mTLS to a service that is the expected one, and is cut when it is no longer. Throws `PEER_…`, `SERVICE_UNKNOWN`, `UPSTREAM_UNAVAILABLE`. */
  async connect(name: string, namespace = ''): Promise<TLSSocket> {
    const service = this.findService(name, namespace);
    if (service === undefined) throw new Fault('SERVICE_UNKNOWN', 'no service of this name is known here');
    return this.dial(service);
  }

  async dial(service: ServiceResource): Promise<TLSSocket> {
    let presented: readonly Buffer[] = [];
    const judge = (chain: readonly Buffer[]): void => {
      presented = chain;
      if (this.verifyPeer(chain, 'server').id.toString() !== service.spiffeId)
        throw new Fault('PEER_ID_UNEXPECTED', 'the peer is not the service that was expected');
    };
    const socket = await dialService(service, this.identity, judge);
    this.#dialled.add(socket, () => judge(presented));
    return socket;
  }

  /** Registers a key as minter. What this node has seen, services on it have seen too: a token that is minted next will be known. */
  async registerMinter({ trustDomain, publicJwk, kinds }: MinterQuestion): Promise<MinterResource> {
    const publicJwkJson = JSON.stringify(publicJwk);
    const { minterJson } = await this.#point.registerMinter({ trustDomain, publicJwkJson, kinds: [...kinds] });
    const minter: MinterResource = JSON.parse(minterJson);
    const condition = (): boolean => this.enforced.minter(trustDomain, minter.kid) !== undefined;
    await waitUntil({
      condition,
      onChange: (listener) => this.enforced.onChange(listener),
      timeoutMillis: SEEN_MILLIS,
    });
    return minter;
  }

  /** Keeps room for one receipt. Throws `LIMIT_EXCEEDED` when too many wait: then nothing goes on. */
  reserve(): (receipt: Receipt) => void {
    return this.#reporter.reserve();
  }

  /** Throws `LIMIT_EXCEEDED` when too many receipts wait. */
  report(receipt: Receipt): void {
    this.#reporter.add(receipt);
  }

  /** Calls back when the SVID, a bundle, or anything that is enforced has changed. Hands back what ends it. */
  onChange(listener: () => void): () => void {
    const ends = [this.identity.onChange(listener), this.enforced.onChange(listener)];
    return () => {
      for (const end of ends) end();
    };
  }

  close(): Promise<void> {
    return this.#life.close();
  }

  /** Waits for an identity and for what to enforce. Throws what is wrong (`diagnose.ts`), or the signal's reason. */
  async ready(timeoutMillis: number, signal?: AbortSignal): Promise<void> {
    const condition = (): boolean =>
      this.identity.known && this.enforced.reach(this.identity.id.trustDomain) !== undefined;
    if (await waitUntil({ condition, onChange: (listener) => this.onChange(listener), timeoutMillis }, signal)) return;
    throw diagnose({ socketPath: this.#socketPath, hasIdentity: this.identity.known, failure: this.#failure });
  }
}
