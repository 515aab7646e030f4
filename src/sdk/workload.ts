import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Clock, Fault, pooledRandom, type Random, systemRandom } from '#kernel';
import type { SpiffeId, X509BundleSet, X509Svid } from '#spiffe';
import { createDatabase, type Database, type DatabaseOptions } from './database.ts';
import { connectEnforcementPoint, type EnforcementPoint } from './enforcement-point.ts';
import { type Environment, readEnvironment } from './environment.ts';
import type { Handler } from './exchange.ts';
import type { FetchInit, FetchResponse } from './fetch.ts';
import { createGuardedServer } from './serve.ts';
import { ServicePools } from './service-pools.ts';

export interface ConnectOptions extends Partial<Environment> {
  readonly clock?: Clock;
  readonly random?: Random;
  /** How long to wait for an identity, milliseconds. Default 10 s. */
  readonly timeoutMillis?: number;
}

export interface Serving {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Connects to the agent of this node and waits for the first identity. Follows rotation, policies and services from then on; keeps what it has
 * while the agent is away, until it expires. An agent that restarts and an entry that is still on its way are waited for; throws in the end what is wrong:
 * `AGENT_SOCKET_MISSING`, `AGENT_SOCKET_REFUSED`, `IDENTITY_NO_ENTRY` with the selectors that the agent saw and an id, `IDENTITY_UNAVAILABLE`.
 */
export async function connectWorkload(options: ConnectOptions = {}, signal?: AbortSignal): Promise<Workload> {
  const environment =
    options.socketPath === undefined
      ? readEnvironment()
      : { service: undefined, listen: undefined, ...options, socketPath: options.socketPath };
  const { socketPath } = environment;
  const point = await connectEnforcementPoint({ ...options, socketPath }, signal);
  return new Workload(point, { ...environment, ...options, socketPath });
}

interface WorkloadOptions extends Environment {
  readonly random?: Random;
}

/** A service's own side of its identity: serve, call others, reach the database. */
export class Workload {
  readonly #environment: Environment;
  readonly #random: Random;
  readonly #point: EnforcementPoint;
  readonly #pools: ServicePools;

  constructor(point: EnforcementPoint, options: WorkloadOptions) {
    this.#environment = options;
    this.#random = pooledRandom(options.random ?? systemRandom);
    this.#point = point;
    this.#pools = new ServicePools(point);
  }

  get id(): SpiffeId {
    return this.#point.id;
  }

  x509Svid(): X509Svid {
    return this.#point.svid();
  }

  bundles(): X509BundleSet {
    return this.#point.bundles();
  }

  /** Serves HTTPS as the service that the registry knows this process as. */
  async serve(
    handler: Handler,
    options: { readonly service?: string; readonly listen?: { readonly host: string; readonly port: number } } = {},
  ): Promise<Serving> {
    const service = options.service ?? this.#environment.service;
    const listen = options.listen ?? this.#environment.listen;
    if (service === undefined || listen === undefined)
      throw new Fault(
        'CONFIG_INVALID',
        'neither options nor HAUBERK_SERVICE and HAUBERK_LISTEN say what is served where',
      );
    const [namespace = '', name = ''] = service.split('/');
    const { identity, enforced, clock } = this.#point;
    const server = createGuardedServer(
      {
        ...{ identity, enforcement: enforced, clock, random: this.#random },
        self: () => this.#point.findService(name, namespace) ?? { name, namespace, labels: {} },
        reserve: () => this.#point.reserve(),
        fetch: (url, init) => this.#pools.fetch(url, init, namespace),
      },
      handler,
    );
    return open(server, listen);
  }

  /** Calls a service by name, `https://<service>[.<namespace>]/path`, as this workload alone. Throws `SERVICE_UNKNOWN`, `PEER_…`. */
  fetch(url: string, init: FetchInit = {}): Promise<FetchResponse> {
    return this.#pools.fetch(url, init, this.#namespace);
  }

  /** A verified mTLS connection to a service, for protocols other than HTTP. */
  connect(name: string): Promise<TLSSocket> {
    return this.#point.connect(name, this.#namespace);
  }

  /** The database behind the gate, with this workload's role. Rows show in `request.transaction` only. */
  database(options: DatabaseOptions): Database {
    return createDatabase(options, () => this.connect(options.service ?? 'gate.platform'), this.#point.clock);
  }

  async close(): Promise<void> {
    this.#pools.close();
    await this.#point.close();
  }

  get #namespace(): string {
    return this.#environment.service?.split('/')[0] ?? '';
  }
}

async function open(server: Server, listen: { readonly host: string; readonly port: number }): Promise<Serving> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Fault('PORT_OCCUPIED', `nothing can listen on ${listen.host}:${listen.port}`, { cause })),
    );
    server.listen(listen, resolve);
  });
  const address: AddressInfo | string | null = server.address();
  return {
    host: listen.host,
    port: typeof address === 'object' && address !== null ? address.port : listen.port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
