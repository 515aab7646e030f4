import { Fault } from '#kernel';
import { type Constraint, compileConstraint } from './constraint.ts';
import { compileExpression, type Expression, type Scope } from './expression.ts';
import { fieldsOf, listOf, recordOf, refused } from './node-reader.ts';

/** One Cedar policy, compiled. */
export interface CompiledPolicy {
  /** The `@id` annotation; without one, the name of its resource and its place there. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly principal: Constraint;
  readonly action: Constraint;
  readonly resource: Constraint;
  /** Whether it applies; undefined when it cannot be said, because a condition erred. */
  readonly applies: (scope: Scope) => boolean | undefined;
}

/** Conditions that have been compiled, by their text. */
export type Conditions = Map<string, Expression>;

/** Compiles one policy of Cedar's JSON form. Throws `CONFIG_INVALID` with the policy's id: a policy is evaluated whole or refused. */
export function compilePolicy(fallbackId: string, json: unknown, conditions: Conditions = new Map()): CompiledPolicy {
  const { annotations } = recordOf(json);
  const given = annotations === undefined ? undefined : recordOf(annotations).id;
  const id = typeof given === 'string' && given !== '' ? given : fallbackId;
  try {
    return compile(id, json, conditions);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault('CONFIG_INVALID', `${cause.message} (policy ${id})`, { cause, details: { policy: id } });
  }
}

function compile(id: string, json: unknown, known: Conditions): CompiledPolicy {
  const names = ['effect', 'principal', 'action', 'resource', 'conditions', 'annotations'] as const;
  const policy = fieldsOf(json, names, ['annotations']);
  const { effect } = policy;
  if (effect !== 'permit' && effect !== 'forbid') throw refused('neither permits nor forbids');
  const principal = compileConstraint('principal', policy.principal);
  const action = compileConstraint('action', policy.action);
  const resource = compileConstraint('resource', policy.resource);
  const conditions = listOf(policy.conditions).map((clause) => compileOnce(clause, known));
  const applies = (scope: Scope): boolean | undefined => {
    if (!principal.holds(scope) || !action.holds(scope) || !resource.holds(scope)) return false;
    for (const condition of conditions) {
      const value = condition(scope);
      if (value !== true) return value === false ? false : undefined;
    }
    return true;
  };
  return { id, effect, principal, action, resource, applies };
}

/** Policies of one kind often have the same condition: it is compiled, and kept in memory, once. */
function compileOnce(clause: unknown, known: Conditions): Expression {
  // Compiled first: it refuses what is nested too deeply to be written as text.
  const compiled = compileClause(clause);
  const text = JSON.stringify(clause);
  const first = known.get(text) ?? compiled;
  known.set(text, first);
  return first;
}

function compileClause(json: unknown): Expression {
  const { kind, body } = fieldsOf(json, ['kind', 'body']);
  if (kind === 'when') return compileExpression(body);
  if (kind === 'unless') return compileExpression({ '!': { arg: body } });
  throw refused('has a condition that is neither when nor unless');
}
