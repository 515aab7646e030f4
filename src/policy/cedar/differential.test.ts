// Cedar itself is the oracle: for random policies and random requests, the same answer, but for a forbid that errs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EntityJson as CedarEntity, isAuthorized, type PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { type CedarRequest, compileCedar } from '../index.ts';

const entity = fc.record({ type: fc.constantFrom('User', 'Group', 'N::Account'), id: fc.constantFrom('x', 'y', '"') });
const primitive = fc.oneof(
  fc.boolean(),
  fc.integer({ min: -4, max: 4 }),
  fc.constantFrom('', 'a', 'ab', 'ba', 'a*b', 'é😀'),
  entity.map((one) => ({ __entity: one })),
);
const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const record = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'constructor'), value), { maxLength: 3 }).map(Object.fromEntries);
const value = fc.oneof({ weight: 4, arbitrary: primitive }, fc.array(primitive, { maxLength: 3 }), record(primitive));

const { expression } = fc.letrec<{ expression: unknown }>((tie) => {
  const pair = (operator: string) =>
    fc.record({ left: tie('expression'), right: tie('expression') }).map((both) => ({ [operator]: both }));
  const binary = ['==', '!=', 'in', '<', '<=', '>', '>=', '&&', '||', '+', '-', '*'];
  const sets = ['contains', 'containsAll', 'containsAny'];
  return {
    expression: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'expression' },
      fc.oneof(
        primitive.map((one) => ({ Value: one })),
        fc.constantFrom('principal', 'action', 'resource', 'context').map((one) => ({ Var: one })),
      ),
      fc.oneof(...binary.map(pair)),
      fc.oneof(...sets.map(pair)),
      fc.oneof(...['!', 'neg', 'isEmpty'].map((one) => tie('expression').map((arg) => ({ [one]: { arg } })))),
      fc.record({ left: tie('expression'), attr: name }).map((parts) => ({ '.': parts })),
      fc.record({ left: tie('expression'), attr: name }).map((parts) => ({ has: parts })),
      fc
        .record({ left: tie('expression'), attr: fc.array(name, { minLength: 1, maxLength: 3 }) })
        .map((parts) => ({ has: parts })),
      fc
        .record({
          left: tie('expression'),
          pattern: fc.array(
            fc.oneof(
              fc.constant('Wildcard'),
              fc.constantFrom('a', 'b', '*').map((one) => ({ Literal: one })),
            ),
          ),
        })
        .map((parts) => ({ like: parts })),
      fc
        .record(
          { left: tie('expression'), entity_type: fc.constantFrom('User', 'N::Account'), in: tie('expression') },
          { requiredKeys: ['left', 'entity_type'] },
        )
        .map((parts) => ({ is: parts })),
      fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([test, yes, no]) => ({
        // biome-ignore lint/suspicious/noThenProperty: it is Cedar's name, and nobody awaits it.
        'if-then-else': { if: test, then: yes, else: no },
      })),
      fc.array(tie('expression'), { maxLength: 3 }).map((members) => ({ Set: members })),
      record(tie('expression')).map((fields) => ({ Record: fields })),
    ),
  };
});

const scope = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ op: 'All' }) },
  entity.map((one) => ({ op: '==', entity: one })),
  entity.map((one) => ({ op: 'in', entity: one })),
  fc.constantFrom('User', 'N::Account').map((type) => ({ op: 'is', entity_type: type })),
  entity.map((one) => ({ op: 'is', entity_type: 'User', in: { entity: one } })),
);
const action = fc.constantFrom('r', 'w').map((id) => ({ type: 'Action', id }));
const actionScope = fc.oneof(
  fc.constant({ op: 'All' }),
  action.map((one) => ({ op: '==', entity: one })),
  action.map((one) => ({ op: 'in', entity: one })),
  fc.array(action, { maxLength: 2 }).map((entities) => ({ op: 'in', entities })),
);
const policy = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'forbid'),
  principal: scope,
  action: actionScope,
  resource: scope,
  conditions: fc.array(fc.record({ kind: fc.constantFrom('when', 'unless'), body: expression }), { maxLength: 2 }),
});

const entities = fc
  .uniqueArray(fc.record({ uid: entity, attrs: record(value) }), {
    maxLength: 4,
    selector: ({ uid }) => JSON.stringify(uid),
  })
  .chain((list) =>
    fc.tuple(
      ...list.map((one) =>
        fc.array(entity, { maxLength: 2 }).map((parents) => ({ ...one, parents: later(one.uid, parents) })),
      ),
    ),
  );

/** Parents come later in one order of all entities: Cedar refuses cycles. */
function later(uid: { type: string; id: string }, parents: readonly { type: string; id: string }[]) {
  const place = (one: { type: string; id: string }) => `${one.type}/${one.id}`;
  return parents.filter((parent) => place(parent) > place(uid));
}

const request = fc.record({
  principal: entity,
  action: fc.constantFrom('r', 'w'),
  resource: entity,
  context: record(value),
  entities,
});

type Asked = CedarRequest & { readonly context: object; readonly entities: readonly object[] };

function ask(policies: Record<string, unknown>, asked: Asked): { expected: string; actual: string; rule: boolean } {
  const actual = compileCedar([{ name: 'p', policies, text: '' }]).authorize(asked);
  const answer = isAuthorized({
    principal: asked.principal,
    action: { type: 'Action', id: asked.action },
    resource: asked.resource,
    context: asked.context as never,
    entities: asked.entities as CedarEntity[],
    policies: { staticPolicies: policies as Record<string, PolicyJson> },
  });
  assert.ok(answer.type === 'success', JSON.stringify(answer));
  const { decision, diagnostics } = answer.response;
  const effectOf = (id: string): unknown => Object(policies[id]).effect;
  const errs = diagnostics.errors.some(({ policyId }) => effectOf(policyId) === 'forbid');
  const reasons = diagnostics.reason.map((id) => `p/${id}`);
  const expected = errs ? 'deny' : decision;
  const ruled = actual.code === 'ALLOWED' || actual.code === 'POLICY_DENIED';
  return { expected, actual: actual.effect, rule: !ruled || errs || reasons.includes(actual.rule ?? '') };
}

test('random policies and requests get the answer of Cedar itself', () => {
  fc.assert(
    fc.property(fc.array(policy, { minLength: 1, maxLength: 4 }), request, (list, asked) => {
      const policies = Object.fromEntries(list.map((one, index) => [`n${index}`, one]));
      const { expected, actual, rule } = ask(policies, asked);
      assert.equal(actual, expected);
      assert.ok(rule, 'the rule is one that Cedar names');
    }),
    { numRuns: 3000 },
  );
});

test('a single random condition permits when, and only when, Cedar permits', () => {
  const open = { effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } };
  fc.assert(
    fc.property(expression, request, (body, asked) => {
      const { expected, actual } = ask({ one: { ...open, conditions: [{ kind: 'when', body }] } }, asked);
      assert.equal(actual, expected);
    }),
    { numRuns: 3000 },
  );
});

test('every operator has something to compare: comparisons of like with like', () => {
  const open = { effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } };
  const long = fc.integer({ min: -4, max: 4 }).map((one) => ({ Value: one }));
  const set = fc
    .array(
      primitive.map((one) => ({ Value: one })),
      { maxLength: 12 },
    )
    .map((members) => ({ Set: members }));
  const body = fc.oneof(
    ...['<', '<=', '>', '>=', '==', '!='].map((one) =>
      fc.record({ left: long, right: long }).map((both) => ({ [one]: both })),
    ),
    ...['containsAll', 'containsAny', '=='].map((one) =>
      fc.record({ left: set, right: set }).map((both) => ({ [one]: both })),
    ),
    fc.record({ left: set, right: primitive.map((one) => ({ Value: one })) }).map((both) => ({ contains: both })),
  );
  fc.assert(
    fc.property(body, request, (one, asked) => {
      const { expected, actual } = ask({ one: { ...open, conditions: [{ kind: 'when', body: one }] } }, asked);
      assert.equal(actual, expected);
    }),
    { numRuns: 2000 },
  );
});
