import { createHash } from 'node:crypto';
import type { NodeAttestor } from '#attestation';
import { type Clock, type Closeable, Fault, type Log, type Random, toFault } from '#kernel';
import { Ledger } from '#ledger';
import { JoinTokenAttestor } from '#plugins/node-attestor/join-token';
import { type Committed, type Draft, type JoinToken, Registry, type ResourceChange, type Store } from '#registry';
import { type BundleResource, isOlderSequence, type TrustDomainResource } from '#wire';
import type { AuthorityConfig } from './authority-config.ts';
import type { ServerConfig } from './config.ts';
import { diskTrouble } from './disk.ts';
import type { Plan } from './documents.ts';
import { Health } from './health.ts';
import { HostedTrustDomain } from './hosted-trust-domain.ts';
import { Nodes } from './nodes.ts';
import { openStores } from './open-stores.ts';
import { Recorder } from './recorder.ts';
import { Streams } from './streams.ts';
import { isPassing, UnopenedTrustDomains } from './unopened.ts';

export interface StateOptions {
  readonly dataDir: string;
  readonly authority?: AuthorityConfig | undefined;
  readonly store?: ServerConfig['store'];
  readonly spire?: ServerConfig['spire'];
  /** Ways for nodes of a trust domain to attest, beside join tokens. */
  readonly nodeAttestors?: (trustDomain: string) => readonly NodeAttestor[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface JoinTokenRequest {
  readonly trustDomain: string;
  readonly ttlSeconds: number;
  readonly alias: string | undefined;
  /** The operator's own choice of it. */
  readonly token?: string;
  readonly by: string;
}

/** What all of the server's services share: registry, ledger, and the authority of each trust domain. */
export class State implements Closeable {
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly options: StateOptions;
  readonly nodes: Nodes;
  /** Push streams of agents that are open at this server. */
  readonly streams: Streams;
  readonly health: Health;
  readonly #hosted = new Map<string, HostedTrustDomain>();
  readonly #store: Store;
  readonly #closers: (() => Promise<void>)[];
  readonly #followers: (() => Promise<void>)[] = [];
  readonly #unopened: UnopenedTrustDomains;
  #following: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(
    options: StateOptions,
    { registry, store }: { readonly registry: Registry; readonly store: Store },
    ledger: Ledger,
    recorder: Recorder,
    closers: (() => Promise<void>)[],
  ) {
    this.#store = store;
    this.options = options;
    this.registry = registry;
    this.ledger = ledger;
    this.recorder = recorder;
    this.#closers = closers;
    this.streams = new Streams(options.clock);
    const { clock, log, dataDir, store: chosen } = options;
    const disk = chosen?.type === 'postgres' ? {} : { disk: () => diskTrouble(dataDir) };
    this.health = new Health({ clock, log, registry, ledger, recorder, hosted: () => this.hosted(), ...disk });
    this.#unopened = new UnopenedTrustDomains({ ...options, open: (name) => this.#reopen(name) });
    const tokens = new JoinTokenAttestor((trustDomain, token) => registry.peekJoinToken(trustDomain, token));
    this.nodes = new Nodes({
      registry,
      recorder,
      clock: options.clock,
      hosted: (name) => this.trustDomain(name),
      attestors: (name) => [tokens, ...(options.nodeAttestors?.(name) ?? [])],
    });
  }

  /** Opens what is on disk. Throws `DIRECTORY_UNWRITABLE`, `STORE_SCHEMA_NEWER`. */
  static async open(options: StateOptions): Promise<State> {
    const { store, ledgerStore } = await openStores(options);
    const { clock, random } = options;
    const ledger = new Ledger(ledgerStore);
    const recorder = new Recorder(ledger, clock, random);
    const registry = await Registry.open({ store, clock, random, receipts: recorder, log: options.log });
    const closers = [() => registry.close(), () => store.close(), () => ledgerStore.close()];
    const state = new State(options, { registry, store }, ledger, recorder, closers);
    await state.#hostAll(registry.trustDomains());
    // Trust domains that another server makes or removes come and go here too.
    registry.onCommit((committed) => void state.#follow(committed).catch(() => undefined));
    return state;
  }

  hosted(): readonly HostedTrustDomain[] {
    return [...this.#hosted.values()];
  }

  /** Trust domains whose authority could not be opened yet, and why. */
  unopened(): readonly { readonly name: string; readonly fault: Fault }[] {
    return this.#unopened.list();
  }

  /** Throws `NOT_FOUND`, and for one that could not be opened yet what stands in the way. */
  trustDomain(name: string): HostedTrustDomain {
    const hosted = this.#hosted.get(name);
    if (hosted !== undefined) return hosted;
    const fault = this.#unopened.faultOf(name);
    if (fault === undefined) throw new Fault('NOT_FOUND', 'no such trust domain is hosted here');
    throw new Fault(fault.code, `the trust domain is not open yet: ${fault.message}`, { cause: fault });
  }

  /** Where the document of a trust domain wants SPIRE's API to be served over TLS. */
  spireApiOf(trustDomain: string): TrustDomainResource['spireApi'] {
    return this.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain)?.spireApi;
  }

  /**
   * Why no identity of a trust domain can be issued now. Undefined when a certificate of it was issued and verified just now, it has a valid
   * key of every kind, the last receipts and the last commit could be written, and nothing that other servers wrote has gone unread.
   */
  async troubleOf(trustDomain: string): Promise<Fault | undefined> {
    try {
      const hosted = this.trustDomain(trustDomain);
      await hosted.probe();
      return this.health.troubleOf(hosted);
    } catch (error) {
      return toFault(error);
    }
  }

  /** Calls back, and waits, after trust domains came, went or changed. */
  onTrustDomains(listener: () => Promise<void>): void {
    this.#followers.push(listener);
  }

  /**
   * Commits changes of one trust domain with a receipt of each, brings a new trust domain to life and stops one that is removed. A function
   * is asked on the newest state (`Registry.commit`).
   */
  async commit(trustDomain: string, changes: Parameters<Registry['commit']>[1], by: string): Promise<Committed> {
    const whole = typeof changes === 'function' ? changes : this.#withBundle(trustDomain, changes);
    const committed = await this.registry.commit(trustDomain, whole, by);
    await this.#follow(committed);
    return committed;
  }

  /** Commits changes of several trust domains in one transaction, where what they were planned on still stands (`Registry.commitAll`). */
  async commitAll(plan: Plan, by: string, assertStands?: (draft: Draft) => void): Promise<readonly Committed[]> {
    const whole = new Map([...plan].map(([name, changes]) => [name, this.#withBundle(name, changes)]));
    const all = await this.registry.commitAll(whole, by, assertStands);
    for (const committed of all) await this.#follow(committed);
    return all;
  }

  /** Leaves a receipt, which names the token by its digest. Throws what the registry throws. */
  async createJoinToken(request: JoinTokenRequest): Promise<JoinToken> {
    const { trustDomain, ttlSeconds, alias, token, by } = request;
    const made = await this.registry.createJoinToken(trustDomain, ttlSeconds, alias, token);
    await this.recorder.note({
      kind: 'agent',
      trustDomain,
      effect: 'allow',
      code: 'ALLOWED',
      action: 'join-token:create',
      proof: by,
      detail: {
        alias,
        tokenSha256: createHash('sha256').update(made.token).digest('hex'),
        expiresAt: new Date(made.expiresAt).toISOString(),
      },
    });
    return made;
  }

  async close(): Promise<void> {
    await this.health.close();
    this.#closed = true;
    this.#unopened.close();
    await this.#following;
    for (const hosted of this.#hosted.values()) await hosted.close();
    for (const close of this.#closers) await close();
  }

  /** Who trusted a trust domain that is removed loses its bundle in the same revision. */
  #withBundle(trustDomain: string, changes: readonly ResourceChange[]): readonly ResourceChange[] {
    const ends = changes.some((change) => change.kind === 'TrustDomain' && change.body === null);
    if (!ends || this.registry.find('Bundle', trustDomain, trustDomain) === undefined) return changes;
    return [...changes, { kind: 'Bundle', key: trustDomain, body: null }];
  }

  /** One after another: a commit is told of by the registry and by whoever made it. */
  #follow(committed: Committed): Promise<void> {
    if (!committed.changes.some(({ kind }) => kind === 'TrustDomain')) return Promise.resolve();
    const followed = this.#following.then(() => this.#followNow(committed));
    this.#following = followed.catch((error) => this.options.log.error('trust domain not followed', { error }));
    return followed;
  }

  async #followNow({ trustDomain, changes }: Committed): Promise<void> {
    for (const { kind, body } of changes) {
      if (kind !== 'TrustDomain') continue;
      const resource = this.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
      if (body === null) await this.#unhost(trustDomain);
      else if (resource !== undefined && this.#isNew(trustDomain)) await this.#host(resource);
      for (const follower of this.#followers) await follower();
    }
  }

  async #unhost(trustDomain: string): Promise<void> {
    const hosted = this.#hosted.get(trustDomain);
    this.#hosted.delete(trustDomain);
    this.#unopened.forget(trustDomain);
    await hosted?.close();
  }

  #isNew(trustDomain: string): boolean {
    return !this.#hosted.has(trustDomain) && this.#unopened.faultOf(trustDomain) === undefined;
  }

  /** All at once: what one waits for holds up no other. Throws what no waiting would mend. */
  async #hostAll(resources: readonly TrustDomainResource[]): Promise<void> {
    const opened = await Promise.allSettled(resources.map((resource) => this.#open(resource)));
    let failed: PromiseRejectedResult | undefined;
    for (const [at, { name }] of resources.entries()) {
      const one = opened[at];
      if (one?.status === 'fulfilled') await this.#adopt(one.value);
      else if (isPassing(one?.reason)) this.#unopened.add(name, one?.reason);
      else failed ??= one;
    }
    if (failed === undefined) return;
    await this.close();
    throw failed.reason;
  }

  /** One that cannot be opened now is tried again later. */
  async #host(resource: TrustDomainResource): Promise<void> {
    try {
      await this.#adopt(await this.#open(resource));
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#unopened.add(resource.name, error);
    }
  }

  /** What has been asked of another machine is waited for outside of the turn: other trust domains come and go meanwhile. */
  async #reopen(name: string): Promise<void> {
    const find = () => this.registry.find<TrustDomainResource>('TrustDomain', name, name);
    const resource = find();
    if (resource === undefined) return;
    const hosted = await this.#open(resource);
    const adopted = this.#following.then(async () => {
      if (this.#closed || find() === undefined || this.#hosted.has(name)) return hosted.close();
      await this.#adopt(hosted);
      this.#unopened.forget(name);
      for (const follower of this.#followers) await follower();
      this.options.log.info('trust domain opened', { trustDomain: name });
    });
    this.#following = adopted.catch(() => undefined);
    await adopted;
  }

  #open(resource: TrustDomainResource): Promise<HostedTrustDomain> {
    const { dataDir, clock, random, authority: config } = this.options;
    const published = this.registry.find<BundleResource>('Bundle', resource.name, resource.name);
    const jwtIssuer = () =>
      this.registry.find<TrustDomainResource>('TrustDomain', resource.name, resource.name)?.jwtIssuer;
    const isShared = this.options.store?.type === 'postgres';
    const sequenceFloor = Number(published?.sequence ?? 0);
    const place = { dataDir, clock, random, config, store: this.#store, isShared, sequenceFloor, jwtIssuer };
    return HostedTrustDomain.open(resource, place);
  }

  /** Keeps the bundle of an authority in the registry of its own and of every trust domain that federates with it. */
  async #adopt(hosted: HostedTrustDomain): Promise<void> {
    this.#hosted.set(hosted.name, hosted);
    // Until this has returned, nothing that is new in the bundle signs.
    hosted.authority.onBundleChange(async () => {
      try {
        await this.#publishBundle(hosted.bundle());
      } catch (error) {
        this.options.log.error('bundle not published', { trustDomain: hosted.name, error });
        throw error;
      }
    });
    await this.#publishBundle(hosted.bundle());
  }

  async #publishBundle(bundle: BundleResource): Promise<void> {
    const name = bundle.trustDomain;
    // Another server of the trust domain may have published a newer one already.
    const publish = (draft: Draft): void => {
      const present = draft.find<BundleResource>('Bundle', name, name);
      if (present === undefined || !isOlderSequence(bundle.sequence, present.sequence))
        draft.add(name, { kind: 'Bundle', key: name, body: bundle });
    };
    await this.commit(name, publish, 'authority');
  }
}
