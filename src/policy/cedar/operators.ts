import type { Entities } from './entities.ts';
import { CedarSet, Entity, equal, type Value } from './value.ts';

/** Operands that are `undefined` are errors of evaluation; so is a result that is `undefined`. */
type Operand = Value | undefined;
type Unary = (operand: Operand) => Operand;
type Binary = (left: Operand, right: Operand, entities: Entities) => Operand;

export const UNARY: ReadonlyMap<string, Unary> = new Map<string, Unary>([
  ['!', (value) => (typeof value === 'boolean' ? !value : undefined)],
  ['neg', (value) => (typeof value === 'number' ? -value : undefined)],
  ['isEmpty', (value) => (value instanceof CedarSet ? value.members.length === 0 : undefined)],
]);

export const BINARY: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ['==', (left, right) => (left === undefined || right === undefined ? undefined : equal(left, right))],
  ['!=', (left, right) => (left === undefined || right === undefined ? undefined : !equal(left, right))],
  ['<', longs((left, right) => left < right)],
  ['<=', longs((left, right) => left <= right)],
  ['>', longs((left, right) => left > right)],
  ['>=', longs((left, right) => left >= right)],
  ['+', longs((left, right) => safe(left + right))],
  ['-', longs((left, right) => safe(left - right))],
  ['*', longs((left, right) => safe(left * right))],
  ['in', (left, right, entities) => (left instanceof Entity ? isInAny(left, right, entities) : undefined)],
  ['contains', (set, value) => (set instanceof CedarSet && value !== undefined ? set.has(value) : undefined)],
  ['containsAll', sets((left, right) => right.members.every((member) => left.has(member)))],
  ['containsAny', sets((left, right) => right.members.some((member) => left.has(member)))],
]);

/** `in` an entity, or in any of a set of entities; a set that holds anything else is an error. */
export function isInAny(entity: Entity, groups: Operand, entities: Entities): boolean | undefined {
  if (groups instanceof Entity) return entities.isIn(entity, groups);
  if (!(groups instanceof CedarSet)) return undefined;
  const { members } = groups;
  if (!members.every((member) => member instanceof Entity)) return undefined;
  return members.some((member) => entities.isIn(entity, member));
}

function longs(operate: (left: number, right: number) => Operand): Binary {
  return (left, right) => (typeof left === 'number' && typeof right === 'number' ? operate(left, right) : undefined);
}

function sets(operate: (left: CedarSet, right: CedarSet) => boolean): Binary {
  return (left, right) => (left instanceof CedarSet && right instanceof CedarSet ? operate(left, right) : undefined);
}

/** Cedar's overflow, earlier: what is no safe integer could be another number than it says. */
function safe(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
