import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Clock, Fault, faultCode, type Random, systemClock, systemRandom } from '#kernel';
import type { SpiffeId, X509BundleSet, X509Svid } from '#spiffe';
import { type Client, createGrpcClient, dialUnix, ReceiptReporter, type ServiceResource } from '#wire';
import { EnforcementPointDefinition, type WatchRequest } from '#wire/gen/hauberk_workload';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { createDatabase, type Database, type DatabaseOptions } from './database.ts';
import { Enforcement } from './enforcement.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { dialService, type FetchInit, type FetchResponse, ServicePool } from './fetch.ts';
import { follow } from './follow.ts';
import { Identity } from './identity.ts';
import { createGuardedServer, type Handler } from './serve.ts';

export interface ConnectOptions extends Partial<Environment> {
  readonly clock?: Clock;
  readonly random?: Random;
  /** How long to wait for the first identity. Default 30 s. */
  readonly timeoutMillis?: number;
}

export interface Serving {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Connects to the agent of this node and waits for the first identity. Follows rotation, policies and services from then on; keeps what it has
 * while the agent is away, until it expires. Throws `IDENTITY_NO_ENTRY` when no entry matches this process, `IDENTITY_UNAVAILABLE` in time.
 */
export async function connectWorkload(options: ConnectOptions = {}): Promise<Workload> {
  const environment =
    options.socketPath === undefined
      ? readEnvironment()
      : { service: undefined, listen: undefined, ...options, socketPath: options.socketPath };
  const workload = new Workload({ ...environment, ...options, socketPath: environment.socketPath });
  try {
    await workload.ready(options.timeoutMillis ?? 30_000);
    return workload;
  } catch (error) {
    await workload.close();
    throw error;
  }
}

interface WorkloadOptions extends Environment {
  readonly clock?: Clock;
  readonly random?: Random;
}

export class Workload {
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #identity: Identity;
  readonly #enforcement = new Enforcement();
  readonly #api: Client<typeof SpiffeWorkloadAPIDefinition>;
  readonly #point: Client<typeof EnforcementPointDefinition>;
  readonly #reporter: ReceiptReporter;
  readonly #stop = new AbortController();
  readonly #pools = new Map<string, ServicePool>();
  #failure: unknown;

  constructor(options: WorkloadOptions) {
    this.#environment = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#identity = new Identity(this.#clock);
    const client = { dial: () => dialUnix(options.socketPath), metadata: { 'workload.spiffe.io': 'true' } };
    this.#api = createGrpcClient(SpiffeWorkloadAPIDefinition, client);
    this.#point = createGrpcClient(EnforcementPointDefinition, client);
    this.#reporter = new ReceiptReporter((receiptsJson) => this.#point.reportReceipts({ receiptsJson }));
    this.#identity.onChange(() => this.#dropPools());
    this.#follow();
  }

  get id(): SpiffeId {
    return this.#identity.svid().id;
  }

  x509Svid(): X509Svid {
    return this.#identity.svid();
  }

  bundles(): X509BundleSet {
    return this.#identity.bundles();
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
    const server = createGuardedServer(
      {
        identity: this.#identity,
        enforcement: this.#enforcement,
        self: () => this.#enforcement.service(name, namespace) ?? { namespace, labels: {} },
        reserve: () => this.#reporter.reserve(),
        fetch: (url, init) => this.#request(url, init, namespace),
        clock: this.#clock,
        random: this.#random,
      },
      handler,
    );
    return open(server, listen);
  }

  /** Calls a service by name, `https://<service>[.<namespace>]/path`, as this workload alone. Throws `SERVICE_UNKNOWN`, `PEER_…`. */
  fetch(url: string, init: FetchInit = {}): Promise<FetchResponse> {
    return this.#request(url, init, this.#environment.service?.split('/')[0] ?? '');
  }

  /** A verified mTLS connection to a service, for protocols other than HTTP. */
  connect(name: string): Promise<TLSSocket> {
    return dialService(this.#find(name, this.#environment.service?.split('/')[0] ?? ''), this.#identity);
  }

  /** The database behind the gate, with this workload's role. Rows show in `request.transaction` only. */
  database(options: DatabaseOptions): Database {
    return createDatabase(options, () => this.connect(options.service ?? 'gate.platform'));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reporter.close();
    this.#dropPools();
    await this.#api.close();
    await this.#point.close();
  }

  /** Waits for the first identity and the first policies. */
  async ready(timeoutMillis: number): Promise<void> {
    const deadline = this.#clock.monotonic() + timeoutMillis;
    while (!this.#identity.known || this.#enforcement.reach(this.id.trustDomain) === undefined) {
      if (faultCode(this.#failure) === 'IDENTITY_NO_ENTRY') throw this.#failure;
      if (this.#clock.monotonic() > deadline)
        throw new Fault('IDENTITY_UNAVAILABLE', 'the agent gave no identity in time', { cause: this.#failure });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #follow(): void {
    const { signal } = this.#stop;
    const failed = (error: unknown): void => {
      this.#failure = error;
    };
    void follow(
      () => this.#api.fetchX509SVID({}, signal),
      (response) => this.#identity.apply(response),
      failed,
      signal,
    );
    void follow(
      () => this.#point.watch(untilAborted(signal), signal),
      ({ update }) => update && this.#enforcement.apply(update),
      failed,
      signal,
    );
  }

  #request(url: string, init: FetchInit, namespace: string): Promise<FetchResponse> {
    const target = new URL(url);
    if (target.protocol !== 'https:') throw new Fault('ARGUMENT_INVALID', 'services are called by https URLs');
    const service = this.#find(target.hostname, namespace);
    const key = JSON.stringify([service, this.#identity.generation]);
    const pool = this.#pools.get(key) ?? new ServicePool(service, this.#identity);
    this.#pools.set(key, pool);
    return pool.request(`${target.pathname}${target.search}`, target.hostname, init);
  }

  #find(name: string, namespace: string): ServiceResource {
    const service = this.#enforcement.service(name, namespace);
    if (service === undefined) throw new Fault('SERVICE_UNKNOWN', 'no service of this name is known here');
    return service;
  }

  #dropPools(): void {
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
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

async function* untilAborted(signal: AbortSignal): AsyncGenerator<WatchRequest> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
