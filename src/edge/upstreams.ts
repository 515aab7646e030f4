import { Pool } from 'undici';
import { Fault } from '#kernel';
import type { ServiceResource } from '#wire';
import type { EdgeWorkload } from './edge-workload.ts';

const CONNECTIONS = 128;
const KEEP_ALIVE_MILLIS = 4000;

/** Connections to services, kept alive until the edge's identity, a bundle or the service's document changes. */
export class Upstreams {
  readonly #workload: EdgeWorkload;
  readonly #pools = new Map<string, { readonly described: string; readonly pool: Pool }>();
  readonly #unsubscribe: () => void;

  constructor(workload: EdgeWorkload) {
    this.#workload = workload;
    this.#unsubscribe = workload.onChange(() => this.#drop());
  }

  find(name: string, service: ServiceResource): Pool {
    const described = `${service.spiffeId} ${JSON.stringify(service.endpoints)}`;
    const known = this.#pools.get(name);
    if (known?.described === described) return known.pool;
    if (known !== undefined) void known.pool.close();
    const pool = this.#open(name);
    this.#pools.set(name, { described, pool });
    return pool;
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(({ pool }) => pool.destroy()));
  }

  /** The peer is verified by the workload before undici sees the socket. */
  #open(name: string): Pool {
    return new Pool(`https://${name}`, {
      connections: CONNECTIONS,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MILLIS,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, done) => {
        this.#workload.connect(name).then(
          (socket) => done(null, socket),
          (error: unknown) =>
            done(error instanceof Error ? error : new Fault('UPSTREAM_UNAVAILABLE', 'no connection'), null),
        );
      },
    });
  }

  #drop(): void {
    for (const { pool } of this.#pools.values()) void pool.close();
    this.#pools.clear();
  }
}
