import { Fault } from '#kernel';
import type { ServiceResource } from '#wire';
import type { EnforcementPoint } from './enforcement-point.ts';
import { type FetchInit, type FetchResponse, ServicePool } from './fetch.ts';

interface OpenPool {
  readonly service: ServiceResource;
  readonly pool: ServicePool;
}

/** Calls services by name, with connections kept alive until the identity or the service's own document changes. */
export class ServicePools {
  readonly #point: EnforcementPoint;
  readonly #pools = new Map<string, OpenPool>();
  readonly #unsubscribe: () => void;

  constructor(point: EnforcementPoint) {
    this.#point = point;
    this.#unsubscribe = point.identity.onChange(() => this.#drop());
  }

  /** Throws `ARGUMENT_INVALID` or `SERVICE_UNKNOWN`; rejects with `PEER_…`, `UPSTREAM_UNAVAILABLE`, `DEADLINE_EXCEEDED`. */
  fetch(url: string, init: FetchInit, namespace: string): Promise<FetchResponse> {
    const target = new URL(url);
    if (target.protocol !== 'https:') throw new Fault('ARGUMENT_INVALID', 'services are called by https URLs');
    const service = this.#point.findService(target.hostname, namespace);
    if (service === undefined) throw new Fault('SERVICE_UNKNOWN', 'no service of this name is known here');
    return this.#find(service).request(`${target.pathname}${target.search}`, target.hostname, init);
  }

  close(): void {
    this.#unsubscribe();
    this.#drop();
  }

  /** Resources keep their identity until they change, so a pool serves just the document that it was opened for. */
  #find(service: ServiceResource): ServicePool {
    const key = `${service.namespace}/${service.name} ${service.trustDomain}`;
    const known = this.#pools.get(key);
    if (known?.service === service) return known.pool;
    known?.pool.close();
    const pool = new ServicePool(() => this.#point.dial(service));
    this.#pools.set(key, { service, pool });
    return pool;
  }

  #drop(): void {
    for (const { pool } of this.#pools.values()) pool.close();
    this.#pools.clear();
  }
}
