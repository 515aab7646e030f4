import { type LogCommitted, placeOf, revisionsOf } from './log-revision.ts';
import type { Change, Since, Snapshot, StoredKind, StoredResource } from './store.ts';

interface HeldLog {
  revision: number;
  readonly kinds: Map<StoredKind, Map<string, StoredResource>>;
}

/** What plans say of each log, by place: the last word on each. */
export type Planned = ReadonlyMap<string, ReadonlyMap<string, Change>>;

/** The logs of a store, whole in memory. */
export class HeldLogs {
  readonly #held = new Map<string, HeldLog>();
  readonly #listeners = new Set<(committed: LogCommitted) => void>();
  /** While plans are asked: what those before say. */
  #planned: Planned | undefined;

  constructor({ revisions, resources }: Snapshot) {
    for (const [log, revision] of revisions) this.#log(log).revision = revision;
    for (const resource of resources) this.#put(resource);
  }

  names(): readonly string[] {
    return [...this.#held.keys()];
  }

  revision(log: string): number {
    return this.#held.get(log)?.revision ?? 0;
  }

  find(log: string, kind: StoredKind, key: string): StoredResource | undefined {
    const change = this.#planned?.get(log)?.get(placeOf({ kind, key }));
    if (change !== undefined) return this.#asPlanned(log, change);
    return this.#held.get(log)?.kinds.get(kind)?.get(key);
  }

  list(log: string, kind: StoredKind): Iterable<StoredResource> {
    const held = this.#held.get(log)?.kinds.get(kind)?.values() ?? [];
    const planned = this.#planned?.get(log);
    return planned === undefined ? held : this.#listPlanned(log, kind, { held, planned });
  }

  count(log: string, kind: StoredKind): number {
    return this.#held.get(log)?.kinds.get(kind)?.size ?? 0;
  }

  /** Calls back for every revision as it comes to stand here, this process's own and those of others. Returns how to stop. */
  onCommit(listener: (committed: LogCommitted) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The revision that these changes would be. */
  next(log: string, changes: readonly Change[]): LogCommitted {
    return { log, revision: this.revision(log) + 1, changes };
  }

  /** What `run` reads by `find` and `list` is as though the plans stood already. Nobody else reads meanwhile: it never waits. */
  assuming<T>(planned: Planned, run: () => T): T {
    this.#planned = planned;
    try {
      return run();
    } finally {
      this.#planned = undefined;
    }
  }

  /** Brings a log to what the store holds. */
  takeOver(log: string, since: Since): void {
    for (const committed of revisionsOf(log, since, this.#held.get(log)?.kinds ?? new Map())) this.apply(committed);
  }

  apply({ log, revision, changes }: LogCommitted): void {
    this.#log(log).revision = revision;
    const applied = changes.map((change) => {
      const { kind, key, body, revision: own = revision } = change;
      const before = this.find(log, kind, key)?.body;
      if (body === null) this.#log(log).kinds.get(kind)?.delete(key);
      else this.#put({ log, kind, key, body, revision: own });
      return { ...change, before };
    });
    for (const listener of this.#listeners) listener({ log, revision, changes: applied });
  }

  #asPlanned(log: string, { kind, key, body }: Change): StoredResource | undefined {
    return body === null ? undefined : { log, kind, key, body, revision: this.revision(log) + 1 };
  }

  *#listPlanned(
    log: string,
    kind: StoredKind,
    { held, planned }: { readonly held: Iterable<StoredResource>; readonly planned: ReadonlyMap<string, Change> },
  ): Generator<StoredResource> {
    for (const resource of held) if (!planned.has(placeOf(resource))) yield resource;
    for (const change of planned.values()) {
      const resource = change.kind === kind ? this.#asPlanned(log, change) : undefined;
      if (resource !== undefined) yield resource;
    }
  }

  #put(resource: StoredResource): void {
    const { kinds } = this.#log(resource.log);
    let held = kinds.get(resource.kind);
    if (held === undefined) {
      held = new Map();
      kinds.set(resource.kind, held);
    }
    held.set(resource.key, resource);
  }

  #log(name: string): HeldLog {
    let held = this.#held.get(name);
    if (held === undefined) {
      held = { revision: 0, kinds: new Map() };
      this.#held.set(name, held);
    }
    return held;
  }
}
