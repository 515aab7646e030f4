/**
 * The values of Cedar. A long is a safe integer here: JSON carries no more, so what lies beyond is refused where it is read and an evaluation
 * error where it is computed.
 */
export type Value = boolean | number | string | Entity | CedarSet | CedarRecord;

/** An entity's type and id. Two are the same when both are equal. */
export class Entity {
  readonly type: string;
  readonly id: string;
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
  }

  is(other: Entity): boolean {
    return this.id === other.id && this.type === other.type;
  }
}

/** A set: no order, no duplicates. */
export class CedarSet {
  readonly members: readonly Value[];
  #keys: ReadonlySet<string> | undefined;

  constructor(members: readonly Value[]) {
    this.members = members;
  }

  has(value: Value): boolean {
    return this.members.length <= SCANNED
      ? this.members.some((member) => equal(member, value))
      : this.keys().has(keyOf(value));
  }

  keys(): ReadonlySet<string> {
    this.#keys ??= new Set(this.members.map(keyOf));
    return this.#keys;
  }
}

/** Fields by name. Two lists instead of a map: a request's records are small, and made for one decision. */
export class CedarRecord {
  readonly #names: readonly string[];
  readonly #values: readonly Value[];
  #index: ReadonlyMap<string, Value> | undefined;

  /** `names` are distinct, and as many as `values`. */
  constructor(names: readonly string[], values: readonly Value[]) {
    this.#names = names;
    this.#values = values;
  }

  get(name: string): Value | undefined {
    if (this.#names.length > SCANNED) {
      this.#index ??= new Map(this.entries());
      return this.#index.get(name);
    }
    const at = this.#names.indexOf(name);
    return at < 0 ? undefined : this.#values[at];
  }

  entries(): readonly (readonly [string, Value])[] {
    return this.#values.map((value, at) => [this.#names[at] ?? '', value]);
  }
}

/** Longer sets and records are looked up by key. */
const SCANNED = 8;
const ENTITY_TYPE = /^[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*$/;

export function isEntityType(text: string): boolean {
  return ENTITY_TYPE.test(text);
}

/** Cedar's `==`: values of different types are not equal, and asking is no error. */
export function equal(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  if (left instanceof Entity) return right instanceof Entity && left.is(right);
  return keyOf(left) === keyOf(right);
}

/** One text for one value. */
function keyOf(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Entity) return `${value.type}::${JSON.stringify(value.id)}`;
  if (value instanceof CedarSet) return `[${[...value.keys()].sort().join(',')}]`;
  const fields = value.entries().map(([name, field]) => `${JSON.stringify(name)}:${keyOf(field)}`);
  return `{${fields.sort().join(',')}}`;
}
