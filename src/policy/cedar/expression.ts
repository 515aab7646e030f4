import { LIMITS } from '#kernel';
import type { Entities } from './entities.ts';
import { valueFromJson } from './from-json.ts';
import { type LikePart, likeMatch } from './like.ts';
import { fieldsOf, listOf, recordOf, refused, textOf } from './node-reader.ts';
import { BINARY, isInAny, UNARY } from './operators.ts';
import { CedarRecord, CedarSet, Entity, isEntityType, type Value } from './value.ts';

/** What one evaluation may see. */
export interface Scope {
  readonly principal: Entity;
  readonly action: Entity;
  readonly resource: Entity;
  readonly context: CedarRecord;
  readonly entities: Entities;
}

/** `undefined` is an evaluation error; it carries through every operator, for an exception would cost more than the decision. */
export type Expression = (scope: Scope) => Value | undefined;

/** Compiles an expression of Cedar's JSON form once. Throws `CONFIG_INVALID` for whatever is not evaluated here. */
export function compileExpression(json: unknown, depth = 0): Expression {
  if (depth > LIMITS.policyDepth.value) throw refused('is nested too deeply');
  const [[name, argument] = ['', undefined], ...more] = Object.entries(recordOf(json));
  if (more.length > 0) throw refused('has an expression of two operators');
  const node = NODES.get(name);
  if (node !== undefined) return node(argument, depth + 1);
  const unary = UNARY.get(name);
  if (unary !== undefined) {
    const operand = compileExpression(fieldsOf(argument, ['arg']).arg, depth + 1);
    return (scope) => unary(operand(scope));
  }
  const binary = BINARY.get(name);
  if (binary === undefined) throw refused(`has the operator ${name.slice(0, 40)}, which is not evaluated here`);
  const { left, right } = compilePair(argument, depth + 1);
  return (scope) => binary(left(scope), right(scope), scope.entities);
}

type Compile = (argument: unknown, depth: number) => Expression;

const NODES: ReadonlyMap<string, Compile> = new Map<string, Compile>([
  ['Value', (argument) => constant(valueFromJson(argument))],
  ['Var', (argument) => compileVariable(argument)],
  ['&&', compileAnd],
  ['||', compileOr],
  ['.', compileAccess],
  ['has', compileHas],
  ['like', compileLike],
  ['is', compileIs],
  ['if-then-else', compileConditional],
  ['Set', compileSet],
  ['Record', compileRecord],
]);

function constant(value: Value): Expression {
  return () => value;
}

function compilePair(argument: unknown, depth: number): { readonly left: Expression; readonly right: Expression } {
  const { left, right } = fieldsOf(argument, ['left', 'right']);
  return { left: compileExpression(left, depth), right: compileExpression(right, depth) };
}

function compileVariable(name: unknown): Expression {
  switch (name) {
    case 'principal':
      return ({ principal }) => principal;
    case 'action':
      return ({ action }) => action;
    case 'resource':
      return ({ resource }) => resource;
    case 'context':
      return ({ context }) => context;
    default:
      throw refused('has a variable that Cedar does not know');
  }
}

function truth(value: Value | undefined): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** The right side is not looked at when the left decides: what would be an error there is none. */
function compileAnd(argument: unknown, depth: number): Expression {
  const { left, right } = compilePair(argument, depth);
  return (scope) => {
    const first = truth(left(scope));
    return first === true ? truth(right(scope)) : first;
  };
}

function compileOr(argument: unknown, depth: number): Expression {
  const { left, right } = compilePair(argument, depth);
  return (scope) => {
    const first = truth(left(scope));
    return first === false ? truth(right(scope)) : first;
  };
}

/** Of a record, its field; of an entity, its attribute. One that is not there is an error. */
function compileAccess(argument: unknown, depth: number): Expression {
  const { left, attr } = fieldsOf(argument, ['left', 'attr']);
  const from = compileExpression(left, depth);
  const name = textOf(attr);
  return (scope) => {
    const value = from(scope);
    if (value instanceof CedarRecord) return value.get(name);
    return value instanceof Entity ? scope.entities.attributesOf(value)?.get(name) : undefined;
  };
}

/** `has a.b`: each step exists. An entity that is not known has nothing, and asking is no error. */
function compileHas(argument: unknown, depth: number): Expression {
  const { left, attr } = fieldsOf(argument, ['left', 'attr']);
  const from = compileExpression(left, depth);
  const path = Array.isArray(attr) ? attr.map(textOf) : [textOf(attr)];
  if (path.length === 0) throw refused('asks for no attribute');
  return (scope) => {
    let value = from(scope);
    for (const name of path) {
      if (!(value instanceof CedarRecord || value instanceof Entity)) return undefined;
      const record: CedarRecord | undefined = value instanceof Entity ? scope.entities.attributesOf(value) : value;
      value = record?.get(name);
      if (value === undefined) return false;
    }
    return true;
  };
}

function compileLike(argument: unknown, depth: number): Expression {
  const { left, pattern } = fieldsOf(argument, ['left', 'pattern']);
  const from = compileExpression(left, depth);
  const matches = likeMatch(listOf(pattern).map(readLikePart));
  return (scope) => {
    const value = from(scope);
    return typeof value === 'string' ? matches(value) : undefined;
  };
}

function readLikePart(part: unknown): LikePart {
  return part === 'Wildcard' ? { wildcard: true } : { literal: textOf(fieldsOf(part, ['Literal']).Literal) };
}

/** `is T` and `is T in G`; the group is looked at only where the type is right. */
function compileIs(argument: unknown, depth: number): Expression {
  const { left, entity_type: wanted, in: group } = fieldsOf(argument, ['left', 'entity_type', 'in'], ['in']);
  const from = compileExpression(left, depth);
  const type = textOf(wanted);
  if (!isEntityType(type)) throw refused('names a type that is none');
  const groups = group === undefined ? undefined : compileExpression(group, depth);
  return (scope) => {
    const value = from(scope);
    if (!(value instanceof Entity)) return undefined;
    if (value.type !== type || groups === undefined) return value.type === type;
    return isInAny(value, groups(scope), scope.entities);
  };
}

function compileConditional(argument: unknown, depth: number): Expression {
  const parts = fieldsOf(argument, ['if', 'then', 'else']);
  const test = compileExpression(parts.if, depth);
  const yes = compileExpression(parts.then, depth);
  const no = compileExpression(parts.else, depth);
  return (scope) => {
    const holds = truth(test(scope));
    if (holds === undefined) return undefined;
    return holds ? yes(scope) : no(scope);
  };
}

/** A set of literals is made once. */
function compileSet(argument: unknown, depth: number): Expression {
  const nodes = listOf(argument);
  const literal = nodes.every((node) => Object.hasOwn(recordOf(node), 'Value'));
  const members = nodes.map((node) => compileExpression(node, depth));
  const build: Expression = (scope) => {
    const values = evaluateAll(members, scope);
    return values && new CedarSet(values);
  };
  if (!literal) return build;
  return constant(new CedarSet(nodes.map((node) => valueFromJson(recordOf(node).Value))));
}

function compileRecord(argument: unknown, depth: number): Expression {
  const entries = Object.entries(recordOf(argument));
  const names = entries.map(([name]) => name);
  const fields = entries.map(([, node]) => compileExpression(node, depth));
  return (scope) => {
    const values = evaluateAll(fields, scope);
    return values && new CedarRecord(names, values);
  };
}

function evaluateAll(expressions: readonly Expression[], scope: Scope): readonly Value[] | undefined {
  const values: Value[] = [];
  for (const expression of expressions) {
    const value = expression(scope);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}
