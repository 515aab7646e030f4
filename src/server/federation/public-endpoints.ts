import type { Closeable, Log } from '#kernel';
import type { TlsIdentity } from '#rpc';
import type { TrustDomainResource } from '#wire';
import type { HostedTrustDomain } from '../hosted-trust-domain.ts';
import type { State } from '../state.ts';
import type { Answer, PublicRequest } from './answer.ts';
import { bundleEndpoint } from './bundle-endpoint.ts';
import { certificateFiles } from './certificate-files.ts';
import { type HttpsListener, listenHttps } from './https-listener.ts';
import { oidcDiscovery } from './oidc-discovery.ts';

export type EndpointKind = 'bundleEndpoint' | 'oidcDiscovery';

interface Wanted {
  readonly host: string;
  readonly port: number;
  readonly identity?: () => TlsIdentity | undefined;
  readonly handle: (request: PublicRequest) => Answer;
}

interface Open {
  /** What of the document it was opened for. */
  readonly asked: string;
  readonly listener: HttpsListener;
}

/** The bundle endpoint and the OpenID Connect discovery of each hosted trust domain, where its document asks for them. */
export class PublicEndpoints implements Closeable {
  readonly #state: State;
  readonly #log: Log;
  readonly #open = new Map<string, Open>();
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(state: State, log: Log) {
    this.#state = state;
    this.#log = log;
  }

  addressOf(trustDomain: string, kind: EndpointKind): { readonly host: string; readonly port: number } | undefined {
    return this.#open.get(`${kind} ${trustDomain}`)?.listener;
  }

  /** Opens and closes what the documents ask for by now. What cannot be opened is logged, and tried again next time. */
  follow(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#follow());
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    for (const key of [...this.#open.keys()]) await this.#stop(key);
  }

  async #follow(): Promise<void> {
    if (this.#closed) return;
    const asked = new Map<string, () => Promise<void>>();
    for (const hosted of this.#state.hosted()) {
      const resource = this.#resource(hosted.name);
      for (const kind of ['bundleEndpoint', 'oidcDiscovery'] as const) {
        const text = JSON.stringify([resource?.[kind], kind === 'oidcDiscovery' ? resource?.jwtIssuer : undefined]);
        const key = `${kind} ${hosted.name}`;
        if (resource?.[kind] === undefined) continue;
        asked.set(key, () => this.#start(key, text, this.#wanted(kind, hosted, resource)));
        if (this.#open.get(key)?.asked !== text) await this.#stop(key);
      }
    }
    for (const key of [...this.#open.keys()]) if (!asked.has(key)) await this.#stop(key);
    for (const [key, start] of asked) if (!this.#open.has(key)) await start();
  }

  #wanted(kind: EndpointKind, hosted: HostedTrustDomain, resource: TrustDomainResource): Wanted | undefined {
    const bundle = () => hosted.bundle();
    const { bundleEndpoint: forBundle, oidcDiscovery: forOidc, jwtIssuer } = resource;
    if (kind === 'bundleEndpoint' && forBundle !== undefined) {
      const { host, port, profile } = forBundle;
      const identity = profile.type === 'https_spiffe' ? () => hosted.identity() : certificateFiles(profile, this.#log);
      return { host, port, identity, handle: bundleEndpoint(bundle) };
    }
    if (forOidc === undefined || jwtIssuer === undefined) return undefined;
    const { host, port, certificateFile, keyFile, domains = [new URL(jwtIssuer).hostname] } = forOidc;
    const handle = oidcDiscovery({ issuer: jwtIssuer, domains, bundle });
    return certificateFile === undefined || keyFile === undefined
      ? { host, port, handle }
      : { host, port, handle, identity: certificateFiles({ certificateFile, keyFile }, this.#log) };
  }

  async #start(key: string, asked: string, wanted: Wanted | undefined): Promise<void> {
    if (wanted === undefined) return;
    try {
      this.#open.set(key, { asked, listener: await listenHttps({ ...wanted, log: this.#log }) });
    } catch (error) {
      this.#log.error('a public endpoint cannot be opened', { endpoint: key, error });
    }
  }

  async #stop(key: string): Promise<void> {
    const found = this.#open.get(key);
    this.#open.delete(key);
    await found?.listener.close();
  }

  #resource(name: string): TrustDomainResource | undefined {
    return this.#state.registry.find<TrustDomainResource>('TrustDomain', name, name);
  }
}
