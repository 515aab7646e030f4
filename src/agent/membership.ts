import type { NodeEvidenceSource } from '#attestation';
import { type Clock, type Closeable, Fault, type Log, type Random, randomFraction, toFault } from '#kernel';
import { isTainted } from '#spiffe';
import { type BundleResource, type EntryResource, isOlderSequence, UpdateAssembly } from '#wire';
import type { AppliedBy } from '#wire/gen/hauberk_sync';
import { Acknowledgements } from './acknowledgements.ts';
import { AppliedReport } from './applied-report.ts';
import { Heartbeat } from './heartbeat.ts';
import { Issuance } from './issuance.ts';
import { type HeldJwtSvid, JwtSvids } from './jwt-svids.ts';
import { newKey } from './key.ts';
import { NodeAttestation } from './node-attestation.ts';
import { OwnCertificate } from './own-certificate.ts';
import { parseBundle } from './parse-bundle.ts';
import { Renewal } from './renewal.ts';
import { Resources, type Touched } from './resources.ts';
import { dialServer, type ServerAddress, type ServerClient } from './server-client.ts';
import { type HeldWitSvid, WitSvids } from './wit-svids.ts';
import { type HeldSvid, WorkloadSvids } from './workload-svids.ts';

export interface MembershipOptions {
  readonly name: string;
  readonly joinToken?: string | undefined;
  /** How the agent proves its node where it has no join token. */
  readonly evidence?: NodeEvidenceSource;
  readonly bundle: BundleResource;
  readonly server: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export type MembershipState = 'connecting' | 'connected' | 'needs-join-token';

const FIRST_BACKOFF_MILLIS = 50;
const MAX_BACKOFF_MILLIS = 2000;
const TOO_LARGE_MILLIS = 30_000;
const CLOSE_MILLIS = 1000;

/**
 * This agent's membership in one trust domain: attests with a join token or by its node's evidence, renews its certificate, holds the push stream open, and has the
 * SVIDs of its workloads issued. While the server is away it keeps what it has. When its own certificate has expired it attests again, or needs a new join token.
 */
export class Membership implements Closeable {
  readonly name: string;
  readonly resources: Resources;
  readonly #options: MembershipOptions;
  readonly #attestation: NodeAttestation;
  readonly #address: ServerAddress;
  readonly #own: OwnCertificate;
  readonly #svids: WorkloadSvids;
  readonly #jwtSvids: JwtSvids;
  readonly #witSvids: WitSvids;
  readonly #applied: AppliedReport;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(touched?: Touched) => void>();
  #bundle: BundleResource;
  #client: ServerClient | undefined;
  #lastLoss: Fault | undefined;
  /** Of the stream whose client is in use. */
  #heartbeat: Heartbeat | undefined;
  #heardAt = 0;
  /** Ends what is being waited for or followed, so that the membership starts over. */
  #restart: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    const { name, clock, random, log } = options;
    this.name = name;
    this.resources = new Resources(name);
    this.#options = options;
    this.#bundle = options.bundle;
    const bundle = (): BundleResource => this.ownBundle();
    const stop = this.#stop.signal;
    const { joinToken, evidence, server } = options;
    this.#attestation = new NodeAttestation({ trustDomain: name, joinToken, evidence, stop });
    this.#own = new OwnCertificate({ trustDomain: name, bundle, clock, random, log });
    this.#address = { trustDomain: name, server, bundle, clock };
    const issuance = new Issuance({ trustDomain: name, server: () => this.#server(), stop });
    this.#svids = new WorkloadSvids({ clock, random, bundle, issue: (id, csr) => issuance.x509(id, csr) });
    this.#applied = new AppliedReport({
      clock,
      send: (applied) => this.#server().reportApplied({ trustDomain: name, applied: [...applied] }, issuance.inTime()),
    });
    this.#jwtSvids = new JwtSvids({ clock, bundle, issue: (id, audience) => issuance.jwt(id, audience) });
    this.#witSvids = new WitSvids({ clock, random, bundle, issue: (id, key, alg) => issuance.wit(id, key, alg) });
  }

  start(): void {
    this.#running = this.#run();
  }

  get state(): MembershipState {
    if (this.#waitsForToken() || this.#holdsOldBundle()) return 'needs-join-token';
    return this.#client === undefined ? 'connecting' : 'connected';
  }

  #waitsForToken(): boolean {
    return !this.#attestation.isPossible && !this.#own.isCurrent();
  }

  /** A server that woke makes a new CA, maybe just after a join token came with the bundle of the old one: that token leads nowhere. */
  #holdsOldBundle(): boolean {
    const untrusted = this.#lastLoss?.code === 'PEER_CHAIN_UNTRUSTED';
    return untrusted && !this.#attestation.hasEvidence && !this.#own.isCurrent();
  }

  /** Why the server issues nothing that holds here; undefined while it does. What was issued before is served all the same. */
  get trouble(): Fault | undefined {
    const { state } = this;
    if (state === 'needs-join-token') return new Fault('AGENT_NOT_ATTESTED', 'the agent needs a new join token');
    if (state === 'connecting')
      return this.#lastLoss ?? new Fault('UPSTREAM_UNAVAILABLE', 'the server has not been reached yet');
    if (!this.#own.isCurrent())
      return new Fault('IDENTITY_UNAVAILABLE', 'the certificate of the agent is not valid now');
    return this.#heartbeat?.trouble;
  }

  /** How far the server's clock is ahead, as far as it was heard. */
  get clockSkewMillis(): number {
    return this.#heartbeat?.skewMillis ?? 0;
  }

  get agentId(): string {
    return this.#own.identity?.id ?? '';
  }

  get svidNotAfter(): number {
    return this.#own.identity?.notAfter ?? 0;
  }

  get svidChain(): readonly Uint8Array[] {
    return this.#own.identity?.chain ?? [];
  }

  get svidCount(): number {
    return this.#svids.size;
  }

  get jwtSvidCount(): number {
    return this.#jwtSvids.size;
  }

  /** When the server was last heard of: now, while the stream is open; 0 before the first update. */
  get heardAt(): number {
    return this.state === 'connected' ? this.#options.clock.now() : this.#heardAt;
  }

  /** The newest bundle of this or of a federated trust domain. */
  bundle(trustDomain: string): BundleResource | undefined {
    return trustDomain === this.name ? this.ownBundle() : this.resources.bundle(trustDomain);
  }

  /** After a long absence the bundle that came with a new join token is newer than the one that the stream left here. */
  ownBundle(): BundleResource {
    const sent = this.resources.bundle(this.name);
    return sent !== undefined && !isOlderSequence(sent.sequence, this.#bundle.sequence) ? sent : this.#bundle;
  }

  /** Tells what has changed; without it, anything may have. */
  onChange(listener: (touched?: Touched) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Attests anew with this token, also when the present certificate would do. */
  provideJoinToken(token: string, bundle: BundleResource): void {
    this.#attestation.provide(token);
    this.#bundle = bundle;
    this.#own.forget();
    this.#lastLoss = undefined;
    this.#restart();
  }

  /** The SVID of an entry. Throws `IDENTITY_UNAVAILABLE` and what the server says when there is none and none can be issued. */
  svid(entry: EntryResource): HeldSvid | Promise<HeldSvid> {
    return this.#svids.get(entry);
  }

  /** A JWT-SVID of an entry for these audiences. Throws as `svid` does. */
  jwtSvid(entry: EntryResource, audience: readonly string[]): HeldJwtSvid | Promise<HeldJwtSvid> {
    return this.#jwtSvids.get(entry, audience);
  }

  /** The WIT-SVID of an entry. Throws as `svid` does. */
  witSvid(entry: EntryResource): HeldWitSvid | Promise<HeldWitSvid> {
    return this.#witSvids.get(entry);
  }

  /** What enforcement points have applied of this trust domain; the server hears of it soon. */
  tellApplied(ask: () => readonly AppliedBy[]): void {
    this.#applied.changed(ask);
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
    this.#applied.stop();
    this.#restart();
    await this.#client?.close();
    // A dial that nobody answers has its own deadline; nothing waits for it here.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MILLIS);
    });
    await Promise.race([this.#running, late]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    let backoff = FIRST_BACKOFF_MILLIS;
    const settle = (): void => {
      backoff = FIRST_BACKOFF_MILLIS;
      this.#lastLoss = undefined;
    };
    while (!this.#stop.signal.aborted) {
      try {
        await this.#join();
        // After a renewal the old connection serves on until the new one has its first update.
        if ((await this.#follow(settle)) === 'renewed') continue;
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#lost(error);
      }
      await this.#replaceClient(undefined);
      if (this.#waitsForToken()) await this.#pause(undefined);
      else await this.#pause(backoff * (0.5 + randomFraction(this.#options.random) / 2));
      // What is too large now is so for a while, and costs the server to find out.
      const most = this.#lastLoss?.code === 'LIMIT_EXCEEDED' ? TOO_LARGE_MILLIS : MAX_BACKOFF_MILLIS;
      backoff = Math.min(backoff * 2, most);
    }
  }

  #lost(error: unknown): void {
    const fault = toFault(error);
    // Said once, not at every try.
    if (fault.code !== this.#lastLoss?.code)
      this.#options.log.warn('trust domain not connected', { trustDomain: this.name, error: fault });
    this.#lastLoss = fault;
    // A refused certificate is not coming back: only a new token helps.
    if (fault.code === 'AGENT_NOT_ATTESTED') this.#own.forget();
  }

  #tellTrouble(trouble: Fault | undefined): void {
    const { log } = this.#options;
    if (trouble === undefined) log.info('identities can be issued again', { trustDomain: this.name });
    else log.warn('identities cannot be issued', { trustDomain: this.name, error: trouble });
  }

  async #replaceClient(client: ServerClient | undefined, heartbeat?: Heartbeat): Promise<void> {
    const old = this.#client;
    this.#client = client;
    this.#heartbeat = heartbeat;
    this.#heardAt = this.#options.clock.now();
    await old?.close();
  }

  async #join(): Promise<void> {
    if (this.#own.isCurrent()) return;
    this.#own.forget();
    const key = newKey();
    const client = dialServer(this.#address, undefined);
    try {
      const answer = await this.#attestation.attest(client, key);
      if (answer.bundleJson !== '') this.#bundle = parseBundle(answer.bundleJson, this.name);
      this.#own.adopt(answer.agentId, key, answer.certificateChain);
    } finally {
      await client.close();
    }
  }

  /** Holds the stream open until it breaks, or until a renewed certificate calls for a new one. */
  async #follow(onUpdate: () => void): Promise<'ended' | 'renewed'> {
    const identity = this.#own.identity;
    if (identity === undefined) return 'ended';
    const client = dialServer(this.#address, identity);
    const ended = new AbortController();
    this.#restart = () => ended.abort();
    const signal = AbortSignal.any([ended.signal, this.#stop.signal]);
    const renewal = new Renewal({
      clock: this.#options.clock,
      identity,
      signal,
      renew: () => this.#own.renew(client, identity, signal),
      over: () => ended.abort(),
    });
    const acknowledgements = new Acknowledgements(this.name, this.resources.held(), signal);
    const assembly = new UpdateAssembly();
    let isSilent = false;
    const heartbeat = new Heartbeat(this.#options.clock, () => {
      isSilent = true;
      ended.abort();
      // Whoever waits for an answer over this connection waits in vain.
      void client.close();
    });
    try {
      for await (const { update: part, pulse } of client.sync(acknowledgements, signal)) {
        if (heartbeat.hear(pulse)) this.#tellTrouble(heartbeat.trouble);
        const update = part?.trustDomain === this.name ? assembly.take(part) : undefined;
        if (update === undefined) continue;
        const { unread, touched } = this.resources.apply(update);
        if (unread.length > 0) this.#options.log.error('resources not readable', { trustDomain: this.name, unread });
        acknowledgements.push(update.revision);
        if (this.#client !== client) {
          await this.#replaceClient(client, heartbeat);
          this.#applied.again();
        }
        onUpdate();
        this.#changed(touched);
        if (isTainted(identity.chain, this.ownBundle().taintedX509Authorities)) renewal.now();
      }
    } finally {
      renewal.cancel();
      heartbeat.stop();
      ended.abort();
      if (this.#client !== client) await client.close();
    }
    if (isSilent) throw new Fault('UPSTREAM_UNAVAILABLE', 'the server has fallen silent');
    return this.#own.identity !== identity && this.#own.isCurrent() ? 'renewed' : 'ended';
  }

  #server(): ServerClient {
    // Between the end of its certificate and that of the connection made with it, nothing is asked for in its name.
    if (this.#client === undefined || !this.#own.isCurrent())
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server cannot be reached at the moment');
    return this.#client;
  }

  /** The wall clock was set: a certificate that is past now, or of the future, is of no use, and what was due then may be due now, or not yet. */
  clockMoved(): void {
    if (this.#own.identity !== undefined && !this.#own.isCurrent()) this.#restart();
    for (const listener of this.#listeners) listener();
  }

  #changed(touched: Touched): void {
    if (touched.entries.some(({ id }) => !this.resources.hasEntry(id)))
      for (const kept of [this.#svids, this.#jwtSvids, this.#witSvids]) kept.keep((id) => this.resources.hasEntry(id));
    for (const listener of this.#listeners) listener(touched);
  }

  /** Waits, for ever when no time is given; `#restart` ends it. */
  #pause(millis: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stop.signal.aborted) return resolve();
      const timer = millis === undefined ? undefined : setTimeout(resolve, millis);
      this.#restart = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
