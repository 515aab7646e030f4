import { Fault, LIMITS } from '#kernel';
import { CedarRecord, CedarSet, Entity, isEntityType, type Value } from './value.ts';

/**
 * Reads a value in Cedar's JSON form: booleans, safe integers, strings, arrays (sets), objects (records), `{ __entity: { type, id } }`.
 * Throws `ARGUMENT_INVALID` for anything else: null, fractions, extension values.
 */
export function valueFromJson(json: unknown, depth = 0): Value {
  if (depth > LIMITS.policyValueDepth.value) throw invalid('is nested too deeply');
  if (typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number') {
    if (!Number.isSafeInteger(json)) throw invalid('has a number that is no safe integer');
    return json;
  }
  if (Array.isArray(json)) return new CedarSet(json.map((member) => valueFromJson(member, depth + 1)));
  if (typeof json !== 'object' || json === null) throw invalid('has a value that Cedar does not know');
  if (Object.hasOwn(json, '__entity')) return entityFromJson(json);
  if (Object.hasOwn(json, '__extn')) throw invalid('has an extension value, which is not evaluated here');
  return recordFromJson(json, depth);
}

export function recordFromJson(json: object, depth = 0): CedarRecord {
  const given: Readonly<Record<string, unknown>> = Object(json);
  const names = Object.keys(given);
  const values: Value[] = [];
  for (const name of names) values.push(valueFromJson(given[name], depth + 1));
  return new CedarRecord(names, values);
}

/** `{ type, id }`, alone or under `__entity`. */
export function entityFromJson(json: unknown): Entity {
  if (typeof json !== 'object' || json === null) throw invalid('has a value where an entity should be');
  if (!Object.hasOwn(json, '__entity')) return parseEntity(json);
  if (Object.keys(json).length !== 1) throw invalid('has a reference to an entity with further fields');
  return parseEntity(Object(Reflect.get(json, '__entity')));
}

function parseEntity(json: object): Entity {
  const { type, id }: { readonly type?: unknown; readonly id?: unknown } = json;
  if (typeof type !== 'string' || typeof id !== 'string' || !isEntityType(type) || Object.keys(json).length !== 2)
    throw invalid('has an entity that is not a type and an id');
  return new Entity(type, id);
}

function invalid(what: string): Fault {
  return new Fault('ARGUMENT_INVALID', `the Cedar value ${what}`);
}
