import { attestProcess, type Process, type WorkloadAttestor } from '#attestation';
import { type Clock, type Closeable, Fault, type Log, type Random } from '#kernel';
import { isAlive, type PeerCredentials } from '#rpc';
import { formatSelector } from '#spiffe';
import type { EntryResource } from '#wire';
import { Denials } from './denials.ts';
import type { Membership } from './membership.ts';
import { ReceiptQueue } from './receipt-queue.ts';

/** An identity that a caller is entitled to. */
export interface Entitlement {
  readonly membership: Membership;
  readonly entry: EntryResource;
}

export interface NodeOptions {
  readonly memberships: readonly [Membership, ...Membership[]];
  readonly attestors: readonly WorkloadAttestor[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** When an entry ceases to exist, milliseconds. */
export function expiryOf({ expiresAt }: EntryResource): number {
  return expiresAt === undefined || expiresAt === 0 ? Number.POSITIVE_INFINITY : expiresAt * 1000;
}

/** When the first of the entries ceases to exist. */
export function firstExpiry(entitled: readonly Entitlement[]): number {
  return Math.min(...entitled.map(({ entry }) => expiryOf(entry)));
}

const ATTESTATION_MILLIS = 5000;

/** What the agent's services share: who a caller is, what it may have, and the receipts on their way to the server. */
export class AgentNode implements Closeable {
  readonly options: NodeOptions;
  readonly receipts: ReceiptQueue;
  readonly #denials: Denials;

  constructor(options: NodeOptions) {
    const { memberships, clock, random, log } = options;
    this.options = options;
    this.receipts = new ReceiptQueue(memberships, log);
    this.#denials = new Denials({ receipts: this.receipts, trustDomain: memberships[0].name, clock, random });
  }

  /** Selectors of a process, `type:value`, by the attestors; within a deadline, so that none holds up another. */
  async selectors(process: Process): Promise<ReadonlySet<string>> {
    const signal = AbortSignal.timeout(ATTESTATION_MILLIS);
    return new Set((await attestProcess(this.options.attestors, process, signal)).map(formatSelector));
  }

  /**
   * Entries all of whose selectors are seen: by priority (the first is the default identity), then in order of the agent's trust domains
   * and of entry id. An expired entry does not exist; one for a secret store is no workload's.
   */
  entitlements(seen: ReadonlySet<string>): readonly Entitlement[] {
    const now = this.options.clock.now();
    return this.options.memberships
      .flatMap((membership) =>
        membership.resources
          .entries()
          .filter(
            (entry) =>
              entry.storeSvid !== true &&
              now < expiryOf(entry) &&
              entry.selectors.length > 0 &&
              entry.selectors.every((selector) => seen.has(selector)),
          )
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
    const seen = await this.selectors(caller);
    // Asked after its attestation: while it lived its pid was its own, so that what was seen is of no other process.
    if (!isAlive(caller))
      throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the process that opened this connection has ended');
    const [first, ...others] = this.entitlements(seen);
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

  /** Calls back when anything changes that could change an answer. */
  onChange(listener: () => void): () => void {
    const stops = this.options.memberships.map((membership) => membership.onChange(listener));
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** True when the agent can have identities issued in every trust domain now. */
  isHealthy(): boolean {
    return this.options.memberships.every(({ state }) => state === 'connected');
  }

  async close(): Promise<void> {
    await this.receipts.close();
    await Promise.all(this.options.memberships.map((membership) => membership.close()));
  }
}
