import type { Clock } from '#kernel';
import type { EntryResource } from '#wire';
import type { AgentRecord } from './agent-record.ts';
import { isLive } from './entry.ts';
import { type EntryFilter, filterEntries } from './entry-filter.ts';
import { EntryIndex, type HeldEntry } from './entry-index.ts';
import type { HeldLogs } from './held-logs.ts';
import { trustDomainOf } from './log-names.ts';
import type { LogCommitted } from './log-revision.ts';
import type { StoredResource } from './store.ts';

/** The entries of all trust domains, indexed. What has expired is not found, though it is held until it has left the store. */
export class LiveEntries {
  readonly #logs: HeldLogs;
  readonly #clock: Clock;
  readonly #indexes = new Map<string, EntryIndex>();

  constructor(logs: HeldLogs, clock: Clock) {
    this.#logs = logs;
    this.#clock = clock;
    for (const log of logs.names()) for (const entry of logs.list(log, 'Entry')) this.#put(entry);
  }

  /** Takes over what a revision of a state log changed. */
  take({ log, changes }: LogCommitted): void {
    for (const { kind, key, body } of changes) {
      if (kind !== 'Entry') continue;
      const entry = body === null ? undefined : this.#logs.find(log, 'Entry', key);
      if (entry === undefined) this.#indexes.get(trustDomainOf(log))?.remove(key);
      else this.#put(entry);
    }
  }

  indexOf(trustDomain: string): EntryIndex | undefined {
    return this.#indexes.get(trustDomain);
  }

  /** Every index, with what has expired. */
  indexes(): Iterable<readonly [trustDomain: string, index: EntryIndex]> {
    return this.#indexes;
  }

  isLive(entry: EntryResource): boolean {
    return isLive(entry, this.nowSeconds());
  }

  find(trustDomain: string, id: string): HeldEntry | undefined {
    const entry = this.#indexes.get(trustDomain)?.find(id);
    return entry !== undefined && this.isLive(entry.body) ? entry : undefined;
  }

  filter(trustDomain: string, filter: EntryFilter): readonly HeldEntry[] {
    const index = this.#indexes.get(trustDomain);
    return index === undefined ? [] : filterEntries(index, filter).filter(({ body }) => this.isLive(body));
  }

  findSame(trustDomain: string, entry: EntryResource): HeldEntry | undefined {
    const same = this.#indexes.get(trustDomain)?.findSame(entry, this.nowSeconds());
    return same === undefined ? undefined : this.find(trustDomain, same.id);
  }

  ofAgent(agent: AgentRecord): readonly HeldEntry[] {
    return this.#indexes.get(agent.trustDomain)?.ofAgent(agent, this.nowSeconds()) ?? [];
  }

  findOfAgent(agent: AgentRecord, id: string): HeldEntry | undefined {
    return this.#indexes.get(agent.trustDomain)?.findOfAgent(agent, id, this.nowSeconds());
  }

  aliasesOf(agent: AgentRecord): readonly string[] {
    // A trust domain without entries has no index yet, and its agents have their aliases all the same.
    const index = this.#indexes.get(agent.trustDomain) ?? new EntryIndex(agent.trustDomain);
    return index.aliases(agent, this.nowSeconds());
  }

  nowSeconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  #put(resource: StoredResource): void {
    const trustDomain = trustDomainOf(resource.log);
    let index = this.#indexes.get(trustDomain);
    if (index === undefined) {
      index = new EntryIndex(trustDomain);
      this.#indexes.set(trustDomain, index);
    }
    // What was committed was parsed by kind on its way in.
    index.put(resource as HeldEntry);
  }
}
