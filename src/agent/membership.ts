import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type Clock, type Closeable, Fault, faultCode, type Log, type Random, randomFraction, toFault } from '#kernel';
import { createClient, dialTls } from '#rpc';
import { parseX509Bundle, SpiffeId, verifyX509Svid, type X509Svid } from '#spiffe';
import type { BundleResource, Client, EntryResource } from '#wire';
import { AgentSyncDefinition, type SyncRequest } from '#wire/gen/hauberk_sync';
import { createCertificateRequest, pemCertificates } from '#x509';
import { Resources } from './resources.ts';

export interface MembershipOptions {
  readonly name: string;
  readonly joinToken: string;
  readonly bundle: BundleResource;
  readonly server: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export type MembershipState = 'connecting' | 'connected' | 'needs-join-token';

const PROTOCOL_VERSION = 1;
const MAX_BACKOFF_MILLIS = 2000;

interface AgentIdentity {
  readonly id: string;
  readonly key: KeyObject;
  readonly chain: readonly Uint8Array[];
  readonly issuedAt: number;
  readonly notAfter: number;
}

/**
 * This agent's membership in one trust domain: attests with a join token, renews at half-life, holds the push stream open, and issues the
 * SVIDs of its workloads. While the server is away it keeps what it has. When its own certificate has expired it needs a new join token.
 */
export class Membership implements Closeable {
  readonly name: string;
  readonly resources = new Resources();
  readonly #options: MembershipOptions;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #svids = new Map<
    string,
    { readonly revision: string; readonly svid: X509Svid; readonly issuedAt: number }
  >();
  readonly #issuing = new Map<string, Promise<X509Svid>>();
  #joinToken: string | undefined;
  #bundle: BundleResource;
  #identity: AgentIdentity | undefined;
  #client: Client<typeof AgentSyncDefinition> | undefined;
  #connected = false;
  #wake: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.name = options.name;
    this.#options = options;
    this.#joinToken = options.joinToken;
    this.#bundle = options.bundle;
  }

  start(): void {
    this.#running = this.#run();
  }

  get state(): MembershipState {
    if (this.#joinToken === undefined && !this.#isCurrent()) return 'needs-join-token';
    return this.#connected ? 'connected' : 'connecting';
  }

  get agentId(): string {
    return this.#identity?.id ?? '';
  }

  get svidNotAfter(): number {
    return this.#identity?.notAfter ?? 0;
  }

  get svidCount(): number {
    return this.#svids.size;
  }

  /** The newest bundle of this or of a federated trust domain. */
  bundle(trustDomain: string): BundleResource | undefined {
    const sent = this.resources.find<BundleResource>('Bundle', trustDomain);
    if (trustDomain !== this.name) return sent;
    // After a long absence the bundle that came with a new join token is newer than the one that the stream left here.
    return sent !== undefined && sent.sequence >= this.#bundle.sequence ? sent : this.#bundle;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  provideJoinToken(token: string, bundle: BundleResource): void {
    this.#joinToken = token;
    this.#bundle = bundle;
    this.#identity = undefined;
    this.#wake();
  }

  /** The SVID of an entry: from the cache until half its life, issued anew after. Falls back to the cached one while it is valid. */
  async svid(entry: EntryResource): Promise<X509Svid> {
    const revision = JSON.stringify(entry) + (this.bundle(this.name)?.sequence ?? 0);
    const cached = this.#svids.get(entry.id);
    const now = this.#options.clock.now();
    if (cached?.revision === revision && now < cached.issuedAt + (cached.svid.notAfter - cached.issuedAt) / 2)
      return cached.svid;
    try {
      const running =
        this.#issuing.get(entry.id) ?? this.#issue(entry, revision).finally(() => this.#issuing.delete(entry.id));
      this.#issuing.set(entry.id, running);
      return await running;
    } catch (error) {
      if (cached !== undefined && cached.svid.id.toString() === entry.spiffeId && now < cached.svid.notAfter)
        return cached.svid;
      throw error;
    }
  }

  /** Hands receipts on to the server; throws while it is away. */
  async report(receiptsJson: readonly string[]): Promise<void> {
    await this.#server().reportReceipts({ trustDomain: this.name, receiptsJson: [...receiptsJson] });
  }

  async registerMinter(
    callerEntryId: string,
    minter: { trustDomain: string; publicJwkJson: string; kinds: string[] },
  ): Promise<string> {
    return (await this.#server().registerMinter({ callerTrustDomain: this.name, callerEntryId, minter })).minterJson;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#client?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let backoff = 50;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#join();
        await this.#follow(() => (backoff = 50));
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#lost(error);
      }
      this.#connected = false;
      await this.#client?.close();
      this.#client = undefined;
      await this.#pause(backoff * (0.5 + randomFraction(this.#options.random) / 2));
      backoff = Math.min(backoff * 2, MAX_BACKOFF_MILLIS);
    }
  }

  #lost(error: unknown): void {
    this.#options.log.warn('trust domain not connected', { trustDomain: this.name, error: toFault(error) });
    // A refused token is spent, and a refused certificate is not coming back: only a new token helps.
    if (faultCode(error) === 'AGENT_TOKEN_INVALID') this.#joinToken = undefined;
    if (faultCode(error) === 'AGENT_NOT_ATTESTED') this.#identity = undefined;
  }

  async #join(): Promise<void> {
    if (this.#isCurrent()) return;
    this.#identity = undefined;
    const token = this.#joinToken;
    if (token === undefined) throw new Fault('AGENT_NOT_ATTESTED', 'the agent needs a new join token');
    const key = newKey();
    const client = this.#dial(undefined);
    try {
      const csr = createCertificateRequest(key);
      const request = {
        trustDomain: this.name,
        type: 'join_token',
        payload: Buffer.from(token),
        csr,
        protocolVersion: PROTOCOL_VERSION,
      };
      const answer = await client.attest(request, this.#stop.signal);
      this.#joinToken = undefined;
      this.#adopt(answer.agentId, key, answer.certificateChain, answer.expiresAt);
    } finally {
      await client.close();
    }
  }

  /** Holds the stream open until it breaks, and renews this agent's certificate at half its life. */
  async #follow(onUpdate: () => void): Promise<void> {
    const identity = this.#identity;
    if (identity === undefined) return;
    const client = this.#dial(identity);
    this.#client = client;
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.#stop.signal]);
    const half = identity.issuedAt + (identity.notAfter - identity.issuedAt) / 2;
    const renewal = this.#options.clock.at(half, () => void this.#renew(client, identity).finally(() => ended.abort()));
    const acknowledgements = new Acknowledgements(this.name, signal);
    try {
      for await (const { update } of client.sync(acknowledgements, signal)) {
        if (update === undefined || update.trustDomain !== this.name) continue;
        this.resources.apply(update);
        acknowledgements.push(update.revision);
        this.#connected = true;
        onUpdate();
        this.#changed();
      }
    } finally {
      renewal.cancel();
      ended.abort();
    }
  }

  async #renew(client: Client<typeof AgentSyncDefinition>, identity: AgentIdentity): Promise<void> {
    try {
      const key = newKey();
      const answer = await client.renew(
        { trustDomain: this.name, csr: createCertificateRequest(key) },
        this.#stop.signal,
      );
      this.#adopt(identity.id, key, answer.certificateChain, answer.expiresAt);
    } catch (error) {
      this.#options.log.warn('agent certificate not renewed', { trustDomain: this.name, error: toFault(error) });
    }
  }

  async #issue(entry: EntryResource, revision: string): Promise<X509Svid> {
    const privateKey = newKey();
    const items = [{ entryId: entry.id, csr: createCertificateRequest(privateKey) }];
    const { results } = await this.#server().issueX509Svids({ trustDomain: this.name, items }, this.#stop.signal);
    const result = results[0];
    if (result === undefined || result.code !== '') {
      throw new Fault(result?.code ?? 'IDENTITY_UNAVAILABLE', result?.message ?? 'the server issued nothing');
    }
    const chain = result.certificateChain.map((der) => Buffer.from(der));
    const bundle = this.bundle(this.name);
    const bundles = new Map(bundle === undefined ? [] : [[this.name, parseX509Bundle(bundle)]]);
    const now = this.#options.clock.now();
    const { id, leaf, notAfter } = verifyX509Svid({ chain, bundles, at: now });
    if (id.toString() !== entry.spiffeId || !leaf.spki.equals(spkiOf(privateKey)))
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued something else');
    const svid: X509Svid = {
      id,
      chain,
      privateKey,
      notBefore: leaf.notBefore,
      notAfter,
      ...(entry.hint === undefined ? {} : { hint: entry.hint }),
    };
    this.#svids.set(entry.id, { revision, svid, issuedAt: now });
    return svid;
  }

  #server(): Client<typeof AgentSyncDefinition> {
    if (this.#client === undefined || !this.#connected)
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server cannot be reached at the moment');
    return this.#client;
  }

  #dial(identity: AgentIdentity | undefined): Client<typeof AgentSyncDefinition> {
    const { server, clock } = this.#options;
    return createClient(AgentSyncDefinition, {
      dial: () =>
        dialTls({
          ...server,
          servername: this.name,
          ...(identity === undefined
            ? {}
            : {
                identity: {
                  key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
                  cert: pemCertificates(identity.chain),
                },
              }),
          verify: (chain) => {
            const bundles = new Map([[this.name, parseX509Bundle(this.bundle(this.name) ?? this.#bundle)]]);
            const { id } = verifyX509Svid({ chain, bundles, at: clock.now(), purpose: 'server' });
            if (id.toString() !== `spiffe://${this.name}/spire/server`)
              throw new Fault('PEER_ID_UNEXPECTED', 'this is not the server of the trust domain');
          },
        }),
    });
  }

  #adopt(id: string, key: KeyObject, chain: readonly Uint8Array[], expiresAt: bigint): void {
    this.#identity = {
      id: SpiffeId.parse(id).toString(),
      key,
      chain,
      issuedAt: this.#options.clock.now(),
      notAfter: Number(expiresAt) * 1000,
    };
  }

  #isCurrent(): boolean {
    return this.#identity !== undefined && this.#options.clock.now() < this.#identity.notAfter;
  }

  #changed(): void {
    const live = new Set(this.resources.entries().map(({ id }) => id));
    for (const id of this.#svids.keys()) if (!live.has(id)) this.#svids.delete(id);
    for (const listener of this.#listeners) listener();
  }

  #pause(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#stop.signal.aborted ? 0 : millis);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The requests of a sync stream: where to resume, then each revision that was applied. */
class Acknowledgements implements AsyncIterable<SyncRequest> {
  readonly #trustDomain: string;
  readonly #signal: AbortSignal;
  readonly #pending: bigint[] = [0n];
  #wake: () => void = () => {};

  constructor(trustDomain: string, signal: AbortSignal) {
    this.#trustDomain = trustDomain;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  push(revision: bigint): void {
    this.#pending.push(revision);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SyncRequest> {
    while (!this.#signal.aborted) {
      const revision = this.#pending.shift();
      if (revision !== undefined) yield { trustDomain: this.#trustDomain, protocolVersion: PROTOCOL_VERSION, revision };
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}
