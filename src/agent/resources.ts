import type { EntryResource, ResourceKind } from '#wire';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';

/** One trust domain's resources as the server last sent them. */
export class Resources {
  readonly #bodies = new Map<string, { readonly kind: string; readonly key: string; readonly json: string }>();
  revision = 0n;

  apply(update: ResourceUpdate): void {
    if (update.full) this.#bodies.clear();
    for (const { kind, key, bodyJson } of update.upserts)
      this.#bodies.set(`${kind}\n${key}`, { kind, key, json: bodyJson });
    for (const { kind, key } of update.removals) this.#bodies.delete(`${kind}\n${key}`);
    this.revision = update.revision;
  }

  /** What is of one of these kinds, as it came. */
  select(
    kinds: readonly ResourceKind[],
  ): readonly { readonly kind: string; readonly key: string; readonly json: string }[] {
    return [...this.#bodies.values()].filter(({ kind }) => kinds.some((wanted) => wanted === kind));
  }

  entries(): readonly EntryResource[] {
    // Sent by the server over a connection that was verified; ids are parsed where they are used.
    return this.select(['Entry']).map(({ json }) => JSON.parse(json) as EntryResource);
  }

  find<T>(kind: ResourceKind, key: string): T | undefined {
    const found = this.#bodies.get(`${kind}\n${key}`);
    return found === undefined ? undefined : (JSON.parse(found.json) as T);
  }
}
