import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import type { NodeAttestor } from '#attestation';
import { type Clock, type Closeable, Fault, Lifecycle, type Log, LogThreshold, type Random } from '#kernel';
import { serveTls, serveUnix } from '#rpc';
import { peerChain } from '#wire';
import type { SyncCaller } from './access.ts';
import { adminService } from './api/admin.ts';
import { agentsService } from './api/agents.ts';
import { authoritiesService } from './api/authorities.ts';
import { federationsService } from './api/federations.ts';
import { revocationsService } from './api/revocations.ts';
import { syncService } from './api/sync.ts';
import type { ServerConfig } from './config.ts';
import { Connections } from './connections.ts';
import { FederationFollower } from './federation/federation-follower.ts';
import { type EndpointKind, PublicEndpoints } from './federation/public-endpoints.ts';
import { nodeAttestors } from './node-attestors.ts';
import { PeerVerification } from './peer-verification.ts';
import { AgentPruning } from './prune-agents.ts';
import { RevocationExpiry } from './revocation-expiry.ts';
import type { Gate } from './spire/bind.ts';
import { defaultSocketPath, type SpireAddress, SpireListeners } from './spire/listeners.ts';
import { DEFAULT_RATE_LIMITS, RateLimiter } from './spire/rate-limiter.ts';
import { State } from './state.ts';

const EXPIRED_FOR_SECONDS = 7 * 24 * 3600;

export interface ServerOptions extends ServerConfig {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The level of `log`, for those who move it while the server runs. */
  readonly logLevel?: LogThreshold;
  /** Attestors beside those that the configuration makes. */
  readonly moreNodeAttestors?: readonly NodeAttestor[];
}

export interface RunningServer extends Closeable {
  readonly adminSocket: string;
  readonly sync: { readonly host: string; readonly port: number };
  /** Where a public endpoint of a trust domain is served. */
  endpoint(trustDomain: string, kind: EndpointKind): { readonly host: string; readonly port: number } | undefined;
  /** Where SPIRE's API of a trust domain is served. */
  spire(trustDomain: string): SpireAddress | undefined;
}

/** Opens the store, brings the authorities to life and listens. Throws what stands in the way as a fault with path or port. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { log, clock } = options;
  const life = new Lifecycle();
  try {
    const attestors = new Map<string, readonly NodeAttestor[]>();
    const { moreNodeAttestors = [] } = options;
    const attestorsOf = (name: string) => [...(attestors.get(name) ?? []), ...moreNodeAttestors];
    const state = life.own(await State.open({ ...options, nodeAttestors: attestorsOf }));
    const authorities = (name: string) =>
      state
        .trustDomain(name)
        .bundle()
        .x509Authorities.map((text) => Buffer.from(text, 'base64'));
    for (const [name, config] of Object.entries(options.nodeAttestors ?? {}))
      attestors.set(name, nodeAttestors(config, { clock, random: options.random, authorities }));
    const connections = new Connections();
    life.defer(
      state.registry.onAgentChange(({ id, agent }) => {
        if (agent === undefined || agent.banned) connections.closeAgent(id);
      }),
    );
    const { agentsExpiredForSeconds: expiredForSeconds = EXPIRED_FOR_SECONDS } = options;
    life.own(new RevocationExpiry({ state, clock, log }));
    life.own(new AgentPruning({ state, clock, log, expiredForSeconds }));
    const limiter = new RateLimiter({ ...DEFAULT_RATE_LIMITS, ...options.spire?.rateLimits }, clock);
    const sync = life.own(
      await serveTls<SyncCaller>({
        ...options.sync,
        log,
        secureContext: (name) =>
          state
            .hosted()
            .find((hosted) => hosted.name === name)
            ?.secureContext(),
        identify: (socket) => identify(state, socket, { clock, connections }),
        isKnown: ({ peer }) => peer !== undefined,
        services: [syncService(state, limiter)],
      }),
    );
    const endpoints = life.own(new PublicEndpoints(state, log));
    const federation = life.own(new FederationFollower({ state, clock, log, ...webRootsOf(options) }));
    const services = [
      adminService(state, () => `${sync.host}:${sync.port}`),
      authoritiesService(state),
      federationsService(state, federation),
      revocationsService(state),
      agentsService(state),
    ];
    life.own(
      await serveUnix({
        path: options.adminSocket,
        mode: 0o770,
        log,
        identify: (credentials) => credentials,
        services,
      }),
    );
    const spire = life.own(
      new SpireListeners({
        gate: gateOf(options, { state, limiter, federation }),
        connections,
        log,
        socketPath: socketPathOf(options),
      }),
    );
    state.onTrustDomains(() => spire.follow(state));
    state.onTrustDomains(() => endpoints.follow());
    await endpoints.follow();
    await spire.follow(state);
    return {
      adminSocket: options.adminSocket,
      sync: { host: sync.host, port: sync.port },
      endpoint: (trustDomain, kind) => endpoints.addressOf(trustDomain, kind),
      spire: (trustDomain) => spire.addressOf(trustDomain),
      close: () => life.close(),
    };
  } catch (error) {
    await life.close();
    throw error;
  }
}

function gateOf(
  { clock, logLevel = new LogThreshold() }: ServerOptions,
  { federation, ...parts }: Pick<Gate, 'state' | 'limiter'> & { readonly federation: FederationFollower },
): Gate {
  return {
    ...parts,
    logLevel,
    startedAt: clock.monotonic(),
    refreshBundle: async (trustDomain, other) => {
      await federation.refresh(trustDomain, other);
    },
  };
}

/** Throws `CONFIG_UNREADABLE`. */
function webRootsOf({ webRoots }: ServerOptions): { readonly webRoots?: string } {
  if (webRoots === undefined) return {};
  try {
    return { webRoots: readFileSync(webRoots, 'utf8') };
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `the roots in ${webRoots} cannot be read`, { cause });
  }
}

function socketPathOf({ adminSocket, spire }: ServerOptions): (trustDomain: string) => string {
  const byDefault = defaultSocketPath(adminSocket);
  return (trustDomain) => spire?.sockets?.[trustDomain] ?? byDefault(trustDomain);
}

interface Reception {
  readonly clock: Clock;
  readonly connections: Connections;
}

/** The trust domain is the name that the client asked for; a certificate, when there is one, must verify in that trust domain. */
function identify(state: State, socket: TLSSocket, { clock, connections }: Reception): SyncCaller {
  const name: unknown = Reflect.get(socket, 'servername');
  const hosted = state.trustDomain(typeof name === 'string' ? name : '');
  const chain = peerChain(socket);
  const common = { trustDomain: hosted.name, address: socket.remoteAddress ?? '' };
  if (chain.length === 0) return common;
  const peer = new PeerVerification(chain);
  const judge = () => peer.at(clock.now(), hosted);
  connections.accept(socket).isOf(`${judge().id}`);
  return { ...common, peer: judge };
}
