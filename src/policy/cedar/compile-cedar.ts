import { Fault } from '#kernel';
import type { CedarPolicyResource } from '#wire';
import type { Decision } from '../decision.ts';
import { type CompiledPolicy, type Conditions, compilePolicy } from './compile-policy.ts';
import { Entities, type EntityJson } from './entities.ts';
import type { Scope } from './expression.ts';
import { entityFromJson, recordFromJson } from './from-json.ts';
import { recordOf } from './node-reader.ts';
import { PolicyIndex } from './policy-index.ts';
import { Entity } from './value.ts';

/** One domain question: may this principal do this to this resource? */
export interface CedarRequest {
  readonly principal: { readonly type: string; readonly id: string };
  /** Id of the `Action` entity, such as `account:read`. */
  readonly action: string;
  /** Attribute values are texts, safe integers, booleans, arrays, objects and `{ __entity: { type, id } }`. */
  readonly resource: {
    readonly type: string;
    readonly id: string;
    readonly attributes?: Readonly<Record<string, unknown>>;
  };
  readonly context?: Readonly<Record<string, unknown>>;
  /** Further entities, such as the groups of the principal. */
  readonly entities?: readonly EntityJson[];
}

/** The Cedar policies of a trust domain, compiled and indexed. */
export interface CedarEngine {
  /** Never throws: a request that cannot be read is a deny. */
  authorize(request: CedarRequest): Decision;
}

/**
 * Compiles policies in Cedar's JSON form once, when they change. Throws `CONFIG_INVALID` when any holds what is not evaluated here (extension
 * values, tags, templates): the set is enforced whole or not at all. Then the caller has no engine, and the answer is no.
 *
 * Decides as Cedar does, but for one thing: a `forbid` that errs is a deny (`POLICY_ERROR`), where Cedar would leave it out.
 */
export function compileCedar(resources: readonly CedarPolicyResource[]): CedarEngine {
  const conditions: Conditions = new Map();
  const compiled = resources.flatMap(({ name, policies }) =>
    Object.entries(recordOf(policies)).map(([key, json]) => compilePolicy(`${name}/${key}`, json, conditions)),
  );
  if (compiled.length === 0) return { authorize: () => ({ effect: 'deny', code: 'POLICY_NO_POLICY' }) };
  const index = new PolicyIndex(compiled);
  return {
    authorize: (request) => {
      const scope = readScope(request);
      return scope === undefined ? { effect: 'deny', code: 'POLICY_ERROR' } : judge(index, scope);
    },
  };
}

/** Undefined for a request whose entities or values Cedar could not read. */
function readScope({ principal, action, resource, context = {}, entities = [] }: CedarRequest): Scope | undefined {
  try {
    const { type, id, attributes } = resource;
    const given = attributes === undefined ? entities : [...entities, { uid: { type, id }, attrs: attributes }];
    return {
      principal: entityFromJson(principal),
      action: new Entity('Action', action),
      resource: entityFromJson({ type, id }),
      context: recordFromJson(context),
      entities: new Entities(given),
    };
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/** Any forbid that applies denies; then any permit that applies allows; else no. */
function judge(index: PolicyIndex, scope: Scope): Decision {
  const buckets = index.candidates(scope);
  let erred: string | undefined;
  for (const { forbids } of buckets) {
    for (const forbid of forbids) {
      const applies = forbid.applies(scope);
      if (applies === true) return { effect: 'deny', code: 'POLICY_DENIED', rule: forbid.id };
      if (applies === undefined) erred ??= forbid.id;
    }
  }
  if (erred !== undefined) return { effect: 'deny', code: 'POLICY_ERROR', rule: erred };
  for (const { permits } of buckets) {
    const permit = permits.find((one: CompiledPolicy) => one.applies(scope) === true);
    if (permit !== undefined) return { effect: 'allow', code: 'ALLOWED', rule: permit.id };
  }
  return { effect: 'deny', code: 'POLICY_NO_RULE_MATCHES' };
}
