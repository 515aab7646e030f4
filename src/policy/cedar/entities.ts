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
  readonly entity: Entity;
  readonly attributes: CedarRecord;
  readonly parents: readonly Entity[];
}

/** Longer lists are looked up by entity. */
const SCANNED = 4;

/** What one request knows of entities. One that is not here has no attributes and is in nothing but itself. */
export class Entities {
  readonly #list: readonly Known[];
  readonly #index: EntityMap<Known> | undefined;
  /** Whether any entity has a parent. */
  readonly nested: boolean;

  /** Throws `ARGUMENT_INVALID` for what is no entity, and for an entity that is given twice: neither may win. */
  constructor(list: readonly EntityJson[]) {
    this.#list = list.map(readEntity);
    this.nested = this.#list.some(({ parents }) => parents.length > 0);
    if (list.length > SCANNED) {
      this.#index = new EntityMap();
      for (const known of this.#list) this.#index.set(known.entity, known);
    }
    if (list.length > 1 && !this.#list.every((known) => this.#find(known.entity) === known))
      throw new Fault('ARGUMENT_INVALID', 'an entity is given twice');
  }

  attributesOf(entity: Entity): CedarRecord | undefined {
    return this.#find(entity)?.attributes;
  }

  /** Cedar's `in`: the entity itself, or an ancestor of it. */
  isIn(entity: Entity, group: Entity): boolean {
    return entity.is(group) || (this.nested && this.lineOf(entity).some((one) => one.is(group)));
  }

  /** The entity and all its ancestors. */
  lineOf(entity: Entity): readonly Entity[] {
    const line = [entity];
    if (!this.nested) return line;
    const seen = new EntityMap<true>();
    seen.set(entity, true);
    for (const one of line) {
      for (const parent of this.#find(one)?.parents ?? []) {
        if (seen.get(parent)) continue;
        seen.set(parent, true);
        line.push(parent);
      }
    }
    return line;
  }

  #find(entity: Entity): Known | undefined {
    if (this.#index !== undefined) return this.#index.get(entity);
    for (const known of this.#list) if (known.entity.is(entity)) return known;
    return undefined;
  }
}

const NO_PARENTS: readonly Entity[] = [];

function readEntity({ uid, attrs = {}, parents }: EntityJson): Known {
  return {
    entity: entityFromJson(uid),
    attributes: recordFromJson(attrs),
    parents: parents === undefined ? NO_PARENTS : parents.map(entityFromJson),
  };
}
