import type { TLSSocket } from 'node:tls';
import type { Receipt } from '#chain';
import { type Clock, Fault, type Log } from '#kernel';
import { connectWorkload, type Workload } from '#sdk';
import type { X509Svid } from '#spiffe';
import {
  type Client,
  createGrpcClient,
  dialUnix,
  type MinterResource,
  ReceiptReporter,
  type RevocationResource,
  type ServiceResource,
} from '#wire';
import { EnforcementPointDefinition, type ResourceUpdate, type WatchRequest } from '#wire/gen/hauberk_workload';
import type { EdgeWorkload, MinterQuestion, RevocationSubject } from './edge-workload.ts';

const POLL_MILLIS = 500;
const RETRY_MILLIS = 500;
const SEEN_MILLIS = 2000;

export interface AgentWorkloadOptions {
  readonly agentSocket: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The edge's identity and its enforcement point, from the agent of this node. */
export async function connectAgent(options: AgentWorkloadOptions): Promise<EdgeWorkload> {
  const workload = await connectWorkload({
    socketPath: options.agentSocket,
    clock: options.clock,
    timeoutMillis: 60_000,
  });
  return new AgentWorkload(workload, options);
}

class AgentWorkload implements EdgeWorkload {
  readonly #workload: Workload;
  readonly #options: AgentWorkloadOptions;
  readonly #point: Client<typeof EnforcementPointDefinition>;
  readonly #queue: ReceiptReporter;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #resources = new Map<string, Map<string, unknown>>();
  readonly #timer: NodeJS.Timeout;
  #seen: unknown[] = [];

  constructor(workload: Workload, options: AgentWorkloadOptions) {
    this.#workload = workload;
    this.#options = options;
    const dial = { dial: () => dialUnix(options.agentSocket), metadata: { 'workload.spiffe.io': 'true' } };
    this.#point = createGrpcClient(EnforcementPointDefinition, dial);
    this.#queue = new ReceiptReporter((receiptsJson) => this.#point.reportReceipts({ receiptsJson }));
    this.#seen = [workload.x509Svid(), workload.bundles()];
    this.#timer = setInterval(() => this.#poll(), POLL_MILLIS).unref();
    void this.#watch();
  }

  svid(): X509Svid {
    return this.#workload.x509Svid();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  findService(name: string): ServiceResource | undefined {
    const [wanted, namespace] = name.split('.');
    for (const known of this.#resources.values()) {
      const found = known.get(`Service\n${namespace}/${wanted}`);
      if (found !== undefined) return found as ServiceResource;
    }
    return undefined;
  }

  connect(name: string): Promise<TLSSocket> {
    return this.#workload.connect(name);
  }

  async registerMinter({ trustDomain, publicJwk, kinds }: MinterQuestion): Promise<MinterResource> {
    const publicJwkJson = JSON.stringify(publicJwk);
    const { minterJson } = await this.#point.registerMinter({ trustDomain, publicJwkJson, kinds: [...kinds] });
    const minter: MinterResource = JSON.parse(minterJson);
    await this.#awaitMinter(trustDomain, minter.kid);
    return minter;
  }

  isRevoked(trustDomain: string, { user, session, since }: RevocationSubject): boolean {
    const known = this.#resources.get(trustDomain);
    const after = (key: string): boolean => {
      const revocation = known?.get(`Revocation\n${key}`);
      return revocation !== undefined && since <= (revocation as RevocationResource).revokedAt;
    };
    return after(`user:${user}`) || after(`session:${session}`);
  }

  report(receipt: Receipt): void {
    this.#queue.add(receipt);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#queue.close();
    await this.#point.close();
    await this.#workload.close();
  }

  /** What this node has seen, services on it have seen too: a token that is minted next will be known. */
  async #awaitMinter(trustDomain: string, kid: string): Promise<void> {
    const deadline = this.#options.clock.monotonic() + SEEN_MILLIS;
    while (
      this.#resources.get(trustDomain)?.has(`Minter\n${kid}`) !== true &&
      this.#options.clock.monotonic() < deadline
    )
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  #poll(): void {
    const now = this.#current();
    if (now.every((value, index) => value === this.#seen[index])) return;
    this.#seen = now;
    for (const listener of this.#listeners) listener();
  }

  #current(): unknown[] {
    try {
      return [this.#workload.x509Svid(), this.#workload.bundles()];
    } catch {
      return this.#seen;
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const { update } of this.#point.watch(untilAborted(signal), signal))
          if (update !== undefined) this.#apply(update);
      } catch (error) {
        if (!signal.aborted) this.#options.log.warn('agent lost', { error });
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLIS));
    }
  }

  #apply(update: ResourceUpdate): void {
    const known = update.full ? new Map<string, unknown>() : new Map(this.#resources.get(update.trustDomain));
    for (const { kind, key, bodyJson } of update.upserts) known.set(`${kind}\n${key}`, parseBody(bodyJson));
    for (const { kind, key } of update.removals) known.delete(`${kind}\n${key}`);
    this.#resources.set(update.trustDomain, known);
  }
}

function parseBody(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault('INTERNAL_ERROR', 'the agent sent a resource that is not JSON', { cause });
  }
}

async function* untilAborted(signal: AbortSignal): AsyncGenerator<WatchRequest> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
