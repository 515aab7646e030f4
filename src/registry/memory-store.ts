import type { Commit, LoggedChange, PendingReceipt, Since, Snapshot, Store, StoredResource, Use } from './store.ts';

const KEEP_REVISIONS = 400;

interface Log {
  revision: number;
  compacted: number;
  changes: LoggedChange[];
  readonly resources: Map<string, StoredResource>;
}

/** A store without a disk: for tests and figures. Several registries may share one, as servers share a database. */
export class MemoryStore implements Store {
  readonly #logs = new Map<string, Log>();
  readonly #watchers = new Set<(log: string | undefined, revision?: number) => void>();
  readonly #uses = new Map<string, Use>();
  #receipts: readonly PendingReceipt[] = [];

  async load(): Promise<Snapshot> {
    const resources = [...this.#logs.values()].flatMap((log) => [...log.resources.values()]);
    return {
      revisions: new Map([...this.#logs].map(([name, { revision }]) => [name, revision])),
      resources: resources.sort((a, b) => a.revision - b.revision),
    };
  }

  async since(log: string, revision: number): Promise<Since> {
    const held = this.#logs.get(log);
    if (held === undefined) return { kind: 'changes', changes: [] };
    if (held.compacted > revision)
      return { kind: 'snapshot', revision: held.revision, resources: [...held.resources.values()] };
    return { kind: 'changes', changes: held.changes.filter((change) => change.revision > revision) };
  }

  async commit({ logs, receipts = [], delivered = [] }: Commit): Promise<boolean> {
    if (logs.some(({ log, expected }) => (this.#logs.get(log)?.revision ?? 0) !== expected)) return false;
    for (const { log, expected, changes } of logs) {
      const held = this.#log(log);
      held.revision = expected + 1;
      for (const { kind, key, body } of changes) {
        // As a database would: what was handed over may change later, what is stored may not.
        const stored = { log, kind, key, body: structuredClone(body), revision: held.revision };
        held.changes.push({ ...stored, removed: body === null });
        if (body === null) held.resources.delete(`${kind}\n${key}`);
        else held.resources.set(`${kind}\n${key}`, stored);
      }
      this.#compact(held);
    }
    const known = new Set(this.#receipts.map(({ id }) => id));
    const added = receipts.filter(({ id }) => !known.has(id));
    this.#receipts = [...this.#receipts, ...added].filter(({ id }) => !delivered.includes(id));
    // Later, as a database would: whoever committed has heard of it by its answer.
    for (const { log, expected } of logs)
      for (const watcher of this.#watchers) setImmediate(() => watcher(log, expected + 1));
    return true;
  }

  async pendingReceipts(limit: number): Promise<readonly PendingReceipt[]> {
    return this.#receipts.slice(0, limit);
  }

  async recordUse(uses: readonly Use[]): Promise<void> {
    for (const use of uses) {
      const key = `${use.trustDomain}\n${use.kind}\n${use.key}`;
      if ((this.#uses.get(key)?.lastUsedAt ?? 0) < use.lastUsedAt) this.#uses.set(key, use);
    }
  }

  async uses(trustDomain: string): Promise<readonly Use[]> {
    return [...this.#uses.values()].filter((use) => use.trustDomain === trustDomain);
  }

  watch(changed: (log: string | undefined, revision?: number) => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  follows(): boolean {
    return true;
  }

  async close(): Promise<void> {}

  #compact(log: Log): void {
    if (log.revision - log.compacted < KEEP_REVISIONS * 1.5) return;
    log.compacted = log.revision - KEEP_REVISIONS;
    log.changes = log.changes.filter(({ revision }) => revision > log.compacted);
  }

  #log(name: string): Log {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = { revision: 0, compacted: 0, changes: [], resources: new Map() };
      this.#logs.set(name, log);
    }
    return log;
  }
}
