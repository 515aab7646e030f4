import type { Scope } from './expression.ts';
import { entityFromJson } from './from-json.ts';
import { fieldsOf, listOf, recordOf, refused, textOf } from './node-reader.ts';
import { type Entity, isEntityType } from './value.ts';

export type ScopeVariable = 'principal' | 'action' | 'resource';

/** One line of a policy's scope. It cannot err; what it names exactly is what the index goes by. */
export interface Constraint {
  readonly holds: (scope: Scope) => boolean;
  /** Entities, one of which the variable is or is in. */
  readonly within?: readonly Entity[];
  readonly type?: string;
}

/** Throws `CONFIG_INVALID`; a template's slot is no constraint. */
export function compileConstraint(variable: ScopeVariable, json: unknown): Constraint {
  switch (recordOf(json).op) {
    case 'All':
      fieldsOf(json, ['op']);
      return { holds: () => true };
    case '==': {
      const entity = entityFromJson(fieldsOf(json, ['op', 'entity']).entity);
      return { holds: (scope) => scope[variable].is(entity), within: [entity] };
    }
    case 'in':
      return withinConstraint(variable, groupsOf(json));
    case 'is':
      return typeConstraint(variable, json);
    default:
      throw refused('has a scope that is not evaluated here');
  }
}

function groupsOf(json: unknown): readonly Entity[] {
  if (!Object.hasOwn(recordOf(json), 'entities')) return [entityFromJson(fieldsOf(json, ['op', 'entity']).entity)];
  return listOf(fieldsOf(json, ['op', 'entities']).entities).map(entityFromJson);
}

function withinConstraint(variable: ScopeVariable, groups: readonly Entity[]): Constraint {
  return {
    holds: (scope) => groups.some((group) => scope.entities.isIn(scope[variable], group)),
    within: groups,
  };
}

function typeConstraint(variable: ScopeVariable, json: unknown): Constraint {
  const { entity_type: wanted, in: group } = fieldsOf(json, ['op', 'entity_type', 'in'], ['in']);
  const type = textOf(wanted);
  if (!isEntityType(type) || variable === 'action') throw refused('has a scope that is not evaluated here');
  if (group === undefined) return { holds: (scope) => scope[variable].type === type, type };
  const inside = withinConstraint(variable, [entityFromJson(fieldsOf(group, ['entity']).entity)]);
  return { ...inside, holds: (scope) => scope[variable].type === type && inside.holds(scope) };
}
