import { dirname, join } from 'node:path';
import type { Closeable, Log } from '#kernel';
import { type ServiceBinding, serveTls, serveUnix } from '#rpc';
import type { Connections } from '../connections.ts';
import type { HostedTrustDomain } from '../hosted-trust-domain.ts';
import type { State } from '../state.ts';
import { agentService } from './agent-service.ts';
import type { Gate } from './bind.ts';
import { bundleService } from './bundle-service.ts';
import { isKnown, type SpireCaller, tlsCaller } from './caller.ts';
import { entryService } from './entry-service.ts';
import { localAuthorityService } from './local-authority-service.ts';
import { operatorServices } from './operator-services.ts';
import { svidService } from './svid-service.ts';
import { trustDomainService } from './trust-domain-service.ts';

export interface SpireListenersOptions {
  readonly gate: Gate;
  readonly connections: Connections;
  readonly log: Log;
  /** Where the admin socket of a trust domain is. */
  readonly socketPath: (trustDomain: string) => string;
}

/** Where SPIRE's API of one trust domain is served. */
export interface SpireAddress {
  readonly socket: string | undefined;
  readonly tls: { readonly host: string; readonly port: number } | undefined;
}

interface Listening extends SpireAddress {
  /** What of the trust domain's document they were opened for. */
  readonly wanted: string;
  readonly opened: readonly Closeable[];
}

/**
 * SPIRE's server API of each hosted trust domain: an admin socket, and, where its document says so, a TLS port. The wire carries no trust
 * domain before the handshake, so each has listeners of its own.
 */
export class SpireListeners implements Closeable {
  readonly #options: SpireListenersOptions;
  readonly #listening = new Map<string, Listening>();
  readonly #public: readonly ServiceBinding<SpireCaller>[];
  readonly #local: readonly ServiceBinding<SpireCaller>[];
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SpireListenersOptions) {
    const { gate } = options;
    this.#options = options;
    this.#public = [
      agentService(gate),
      bundleService(gate),
      entryService(gate),
      svidService(gate),
      trustDomainService(gate),
      localAuthorityService(gate),
    ];
    this.#local = [...this.#public, ...operatorServices(gate)];
  }

  addressOf(trustDomain: string): SpireAddress | undefined {
    return this.#listening.get(trustDomain);
  }

  /** Opens and closes what the trust domains' documents ask for by now. What cannot be opened is logged, and tried again next time. */
  follow(state: State): Promise<void> {
    this.#turn = this.#turn.then(() => this.#follow(state.hosted()));
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    for (const name of [...this.#listening.keys()]) await this.#stop(name);
  }

  async #follow(hosted: readonly HostedTrustDomain[]): Promise<void> {
    if (this.#closed) return;
    const wanted = new Map(hosted.map((one) => [`${one.name}`, JSON.stringify(this.#wanted(one)) ?? '']));
    for (const [name, { wanted: was }] of this.#listening) if (wanted.get(name) !== was) await this.#stop(name);
    for (const one of hosted) if (!this.#listening.has(one.name)) await this.#start(one);
  }

  #wanted({ name }: HostedTrustDomain) {
    return this.#options.gate.state.spireApiOf(name);
  }

  async #start(hosted: HostedTrustDomain): Promise<void> {
    const { connections, log, socketPath } = this.#options;
    const wanted = this.#wanted(hosted);
    const path = socketPath(hosted.name);
    const local = await this.#attempt(hosted.name, () =>
      serveUnix<SpireCaller>({
        path,
        mode: 0o770,
        log,
        identify: (credentials) => ({ kind: 'local', trustDomain: hosted.name, credentials }),
        services: this.#local,
      }),
    );
    const tls =
      wanted === undefined
        ? undefined
        : await this.#attempt(hosted.name, () =>
            serveTls<SpireCaller>({
              ...wanted,
              log,
              identity: () => hosted.identity(),
              identify: (socket) => tlsCaller(hosted.name, socket, connections),
              isKnown: (caller) => isKnown(this.#options.gate.state, hosted, caller),
              services: this.#public,
            }),
          );
    if (local === undefined && tls === undefined) return;
    this.#listening.set(hosted.name, {
      wanted: JSON.stringify(wanted) ?? '',
      socket: local === undefined ? undefined : path,
      tls: tls === undefined ? undefined : { host: tls.host, port: tls.port },
      opened: [local, tls].filter((one) => one !== undefined),
    });
  }

  async #attempt<T>(trustDomain: string, open: () => Promise<T>): Promise<T | undefined> {
    try {
      return await open();
    } catch (error) {
      this.#options.log.error('a listener of the SPIRE API cannot be opened', { trustDomain, error });
      return undefined;
    }
  }

  async #stop(name: string): Promise<void> {
    const listening = this.#listening.get(name);
    this.#listening.delete(name);
    for (const one of listening?.opened ?? []) await one.close();
  }
}

/** Beside the operators' own socket: `<its directory>/spire/<trust domain>.sock`. */
export function defaultSocketPath(adminSocket: string): (trustDomain: string) => string {
  return (trustDomain) => join(dirname(adminSocket), 'spire', `${trustDomain}.sock`);
}
