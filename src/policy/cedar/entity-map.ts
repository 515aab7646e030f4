import type { Entity } from './value.ts';

/** A map by entity: by type, then by id, so that asking builds no key. */
export class EntityMap<T> {
  readonly #types = new Map<string, Map<string, T>>();

  get size(): number {
    return this.#types.size;
  }

  get({ type, id }: Entity): T | undefined {
    return this.#types.get(type)?.get(id);
  }

  set({ type, id }: Entity, value: T): void {
    const ids = this.#types.get(type) ?? new Map<string, T>();
    this.#types.set(type, ids.set(id, value));
  }
}
