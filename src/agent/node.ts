import type { Process, WorkloadAttestor } from '#attestation';
import { type Clock, type Closeable, Fault, type Log, type Random, type Scheduled, watchClock } from '#kernel';
import { isAlive, type PeerCredentials } from '#rpc';
import { compareEntries } from '#wire';
import { appliedIn } from './applied-report.ts';
import { Attestations } from './attestations.ts';
import { Denials } from './denials.ts';
import { type Entitlement, expiryOf, firstExpiry } from './entitlement.ts';
import { matches } from './entry-index.ts';
import { Handouts } from './handouts.ts';
import type { Membership } from './membership.ts';
import type { Point } from './point.ts';
import { isSameUser } from './process-of.ts';
import { ReceiptQueue, type ReceiptQueueOptions } from './receipt-queue.ts';
import type { Touched } from './resources.ts';

export interface NodeOptions {
  readonly receipts?: ReceiptQueueOptions;
  readonly memberships: readonly [Membership, ...Membership[]];
  readonly attestors: readonly WorkloadAttestor[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Found {
  readonly version: number;
  /** Milliseconds: a clock that was set back makes entries exist again. */
  readonly at: number;
  readonly until: number;
  readonly entitled: readonly Entitlement[];
}

/** What the agent's services share: who a caller is, what it may have, and the receipts on their way to the server. */
export class AgentNode implements Closeable {
  readonly options: NodeOptions;
  readonly receipts: ReceiptQueue;
  /** Receipts of what is given to workloads. */
  readonly handouts: Handouts;
  /** Enforcement points that follow what they enforce now. */
  readonly points = new Set<Point>();
  /** What selectors that were seen match, until an entry changes or one ends. Versions only grow, and so does their sum. */
  readonly #found = new WeakMap<ReadonlySet<string>, Found>();
  readonly #denials: Denials;
  readonly #clockWatch: Scheduled;
  readonly #attestations: Attestations;

  constructor(options: NodeOptions) {
    const { memberships, clock, random, log } = options;
    this.options = options;
    this.#attestations = new Attestations(options.attestors, clock);
    this.receipts = new ReceiptQueue(memberships, log, options.receipts);
    this.handouts = new Handouts({ receipts: this.receipts, clock, random });
    this.#denials = new Denials({ receipts: this.receipts, trustDomain: memberships[0].name, clock, random });
    this.#clockWatch = watchClock(clock, (byMillis) => {
      log.warn('the clock was moved', { byMillis: Math.round(byMillis) });
      for (const membership of memberships) membership.clockMoved();
    });
  }

  /** An enforcement point has come, gone, or applied something: the server is told. */
  pointsChanged(): void {
    for (const membership of this.options.memberships)
      membership.tellApplied(() => appliedIn(membership.name, this.points));
  }

  /** Selectors of a process, `type:value`, by the attestors; within a deadline, so that none holds up another. */
  selectors(process: Process): ReadonlySet<string> | Promise<ReadonlySet<string>> {
    return this.#attestations.attest(process);
  }

  /** Something has changed that attestors tell of. */
  attestAnew(): void {
    this.#attestations.forget();
  }

  /**
   * Entries all of whose selectors are seen: by priority (the first is the default identity), then in order of the agent's trust domains
   * and of entry id. An expired entry does not exist; one for a secret store is no workload's.
   */
  entitlements(seen: ReadonlySet<string>): readonly Entitlement[] {
    const now = this.options.clock.now();
    const version = this.options.memberships.reduce((sum, { resources }) => sum + resources.version, 0);
    const before = this.#found.get(seen);
    if (before?.version === version && before.at <= now && now < before.until) return before.entitled;
    const entitled = this.#find(seen, now);
    this.#found.set(seen, { version, at: now, until: firstExpiry(entitled), entitled });
    return entitled;
  }

  #find(seen: ReadonlySet<string>, now: number): readonly Entitlement[] {
    return this.options.memberships
      .flatMap((membership) =>
        membership.resources
          .matching(seen)
          .filter((entry) => entry.storeSvid !== true && now < expiryOf(entry))
          .toSorted(compareEntries)
          .map((entry) => ({ membership, entry })),
      )
      .sort((a, b) => (b.entry.priority ?? 0) - (a.entry.priority ?? 0));
  }

  /**
   * What the process behind a connection may have, now. One with nothing is denied: with its own selectors, an id, and a receipt.
   * Throws `IDENTITY_NO_ENTRY`, `IDENTITY_CALLER_UNKNOWN` when it has ended (a child that holds its socket is not it), or
   * `IDENTITY_UNAVAILABLE` before the agent has heard of all its trust domains.
   */
  async entitled(caller: PeerCredentials): Promise<readonly [Entitlement, ...Entitlement[]]> {
    const before = this.#attestations.recent(caller);
    const entitled = before === undefined ? [] : this.entitlements(before);
    // A process that had nothing a moment ago may have been registered since.
    const seen = before === undefined || entitled.length === 0 ? await this.#attestations.attestCaller(caller) : before;
    // Asked after its attestation: while it lived its pid was its own, so that what was seen is of no other process.
    if (!isAlive(caller))
      throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the process that opened this connection has ended');
    if (seen !== before && !isSameUser(caller))
      throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the process that opened this connection is another user by now');
    const [first, ...others] = seen === before ? entitled : this.entitlements(seen);
    if (first !== undefined) return [first, ...others];
    // Its entry may be in a trust domain that has not been heard from yet: "no" would be a guess, and callers take it as final.
    if (this.options.memberships.some(({ resources }) => resources.revision === 0n))
      throw new Fault('IDENTITY_UNAVAILABLE', 'the agent has not heard from its server yet');
    const selectors = [...seen];
    const id = this.#denials.note(caller.pid, selectors);
    throw new Fault('IDENTITY_NO_ENTRY', 'no identity issued: no registration entry matches this process', {
      details: { id, selectors },
    });
  }

  /** True when a change of entries may change what a caller is entitled to, as it was seen last. */
  concerns(caller: PeerCredentials, { entries }: Touched): boolean {
    const seen = this.#attestations.last(caller);
    return seen === undefined || entries.some((entry) => matches(entry, seen));
  }

  /** Calls back when anything changes that could change an answer; told without what has changed, everything may have. */
  onChange(listener: (touched?: Touched) => void): () => void {
    const stops = this.options.memberships.map((membership) => membership.onChange(listener));
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Why no identity of a trust domain can be issued and handed out now; undefined while one can. */
  troubleOf({ trouble, name }: Membership): Fault | undefined {
    return trouble ?? this.receipts.troubleOf(name);
  }

  isHealthy(): boolean {
    return this.options.memberships.every((membership) => this.troubleOf(membership) === undefined);
  }

  async close(): Promise<void> {
    this.#clockWatch.cancel();
    await this.receipts.close();
    await Promise.all(this.options.memberships.map((membership) => membership.close()));
  }
}
