import { Fault } from '#kernel';
import { entityFromJson, recordFromJson } from './from-json.ts';
import type { CedarRecord, Entity } from './value.ts';

/** An entity in Cedar's JSON form. */
export interface EntityJson {
  readonly uid: { readonly type: string; readonly id: string };
  readonly attrs?: Readonly<Record<string, unknown>>;
  readonly parents?: readonly { readonly type: string; readonly id: string }[];
}

interface Known {
  readonly attributes: CedarRecord;
  readonly parents: readonly Entity[];
}

/** What one request knows of entities. One that is not here has no attributes and is in nothing but itself. */
export class Entities {
  readonly #known = new Map<string, Known>();

  /** Throws `ARGUMENT_INVALID` for what is no entity, and for an entity that is given twice: neither may win. */
  constructor(list: readonly EntityJson[]) {
    for (const { uid, attrs = {}, parents = [] } of list) {
      const { key } = entityFromJson(uid);
      if (this.#known.has(key)) throw new Fault('ARGUMENT_INVALID', 'an entity is given twice');
      this.#known.set(key, { attributes: recordFromJson(attrs), parents: parents.map(entityFromJson) });
    }
  }

  attributesOf(entity: Entity): CedarRecord | undefined {
    return this.#known.get(entity.key)?.attributes;
  }

  /** Cedar's `in`: the entity itself, or an ancestor of it. */
  isIn(entity: Entity, group: Entity): boolean {
    return entity.key === group.key || (this.#known.has(entity.key) && this.keysOf(entity).includes(group.key));
  }

  /** The keys of the entity and of all its ancestors. */
  keysOf(entity: Entity): readonly string[] {
    const keys = new Set([entity.key]);
    for (const key of keys) for (const parent of this.#known.get(key)?.parents ?? []) keys.add(parent.key);
    return [...keys];
  }
}
