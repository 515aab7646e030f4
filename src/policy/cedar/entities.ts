import { Fault } from '#kernel';
import { EntityMap } from './entity-map.ts';
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
  readonly #known = new EntityMap<Known>();
  /** Whether any entity has a parent. */
  #nested = false;

  /** Throws `ARGUMENT_INVALID` for what is no entity, and for an entity that is given twice: neither may win. */
  constructor(list: readonly EntityJson[]) {
    for (const { uid, attrs = {}, parents = [] } of list) {
      const entity = entityFromJson(uid);
      if (this.#known.get(entity) !== undefined) throw new Fault('ARGUMENT_INVALID', 'an entity is given twice');
      this.#nested ||= parents.length > 0;
      this.#known.set(entity, { attributes: recordFromJson(attrs), parents: parents.map(entityFromJson) });
    }
  }

  attributesOf(entity: Entity): CedarRecord | undefined {
    return this.#known.get(entity)?.attributes;
  }

  /** Cedar's `in`: the entity itself, or an ancestor of it. */
  isIn(entity: Entity, group: Entity): boolean {
    return entity.is(group) || (this.#nested && this.lineOf(entity).some((one) => one.is(group)));
  }

  /** The entity and all its ancestors. */
  lineOf(entity: Entity): readonly Entity[] {
    const line = [entity];
    if (!this.#nested) return line;
    const seen = new EntityMap<true>();
    seen.set(entity, true);
    for (const one of line) {
      for (const parent of this.#known.get(one)?.parents ?? []) {
        if (seen.get(parent)) continue;
        seen.set(parent, true);
        line.push(parent);
      }
    }
    return line;
  }
}
