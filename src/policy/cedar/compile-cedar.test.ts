import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { faultCode } from '#kernel';
import { type CedarRequest, compileCedar } from '../index.ts';

function parse(text: string): unknown {
  const parsed = policyToJson(text);
  assert.ok(parsed.type === 'success', JSON.stringify(parsed));
  return parsed.json;
}
const engineOf = (...texts: readonly string[]) =>
  compileCedar([
    { name: 'p', policies: Object.fromEntries(texts.map((text, index) => [`n${index}`, parse(text)])), text: '' },
  ]);
const alice = { type: 'User', id: 'spiffe://bank-a/user/12345' };
const request = (change: Partial<CedarRequest> = {}): CedarRequest => ({
  principal: alice,
  action: 'account:read',
  resource: { type: 'Account', id: 'a-1', attributes: { owner: { __entity: alice } } },
  context: { workload: 'spiffe://bank-a/api-gateway', tenant: 'bank-a' },
  ...change,
});
const OWN = `@id("own-accounts") permit (principal is User, action in [Action::"account:list", Action::"account:read"], resource is Account)
  when { resource.owner == principal && ["spiffe://bank-a/api-gateway"].contains(context.workload) };`;

test('the owner through the named workload is allowed, and the rule is the @id', () => {
  assert.deepEqual(engineOf(OWN).authorize(request()), { effect: 'allow', code: 'ALLOWED', rule: 'own-accounts' });
});

const denials: readonly (readonly [string, readonly string[], Partial<CedarRequest>, string])[] = [
  ['no policy at all', [], {}, 'POLICY_NO_POLICY'],
  ['another user', [OWN], { principal: { type: 'User', id: 'carol' } }, 'POLICY_NO_RULE_MATCHES'],
  [
    'a workload with the id of the user',
    [OWN],
    { principal: { ...alice, type: 'Workload' } },
    'POLICY_NO_RULE_MATCHES',
  ],
  ['another workload', [OWN], { context: { workload: 'spiffe://bank-a/x' } }, 'POLICY_NO_RULE_MATCHES'],
  ['no workload', [OWN], { context: {} }, 'POLICY_NO_RULE_MATCHES'],
  ['another action', [OWN], { action: 'account:close' }, 'POLICY_NO_RULE_MATCHES'],
  ['a resource of another type', [OWN], { resource: { type: 'Profile', id: 'a-1' } }, 'POLICY_NO_RULE_MATCHES'],
  [
    'a resource whose owner is not known',
    [OWN],
    { resource: { type: 'Account', id: 'a-1' } },
    'POLICY_NO_RULE_MATCHES',
  ],
  [
    'an owner that is a text and no entity',
    [OWN],
    { resource: { type: 'Account', id: 'a-1', attributes: { owner: alice.id } } },
    'POLICY_NO_RULE_MATCHES',
  ],
  ['a forbid beside the permit', [OWN, 'forbid (principal, action, resource);'], {}, 'POLICY_DENIED'],
  ['a forbid that errs', [OWN, 'forbid (principal, action, resource) when { context.risk > 3 };'], {}, 'POLICY_ERROR'],
  ['a type that is none', [OWN], { principal: { type: 'User"', id: 'x' } }, 'POLICY_ERROR'],
  ['a fraction', [OWN], { context: { risk: 0.5 } }, 'POLICY_ERROR'],
  ['null', [OWN], { context: { risk: null } }, 'POLICY_ERROR'],
  ['a number beyond the safe integers', [OWN], { context: { risk: 2 ** 53 } }, 'POLICY_ERROR'],
  [
    'an entity that is given twice',
    [OWN],
    { entities: [{ uid: { type: 'Account', id: 'a-1' }, attrs: {} }] },
    'POLICY_ERROR',
  ],
];
for (const [what, texts, change, code] of denials) {
  test(`${code} for ${what}`, () => {
    const decision = engineOf(...texts).authorize(request(change));
    assert.equal(decision.effect, 'deny');
    assert.equal(decision.code, code);
  });
}

test('a value that is nested without end is a denial, not a crash', () => {
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  assert.equal(engineOf(OWN).authorize(request({ context: { deep } })).code, 'POLICY_ERROR');
});

test('an ancestor satisfies in, over several steps; a cycle of parents ends', () => {
  const engine = engineOf('permit (principal in Group::"staff", action, resource);');
  const [team, staff] = [
    { type: 'Group', id: 'team' },
    { type: 'Group', id: 'staff' },
  ];
  const entities = [
    { uid: alice, parents: [team] },
    { uid: team, parents: [staff, team] },
  ];
  assert.equal(engine.authorize(request({ entities })).code, 'ALLOWED');
  assert.equal(engine.authorize(request({ entities: entities.slice(0, 1) })).code, 'POLICY_NO_RULE_MATCHES');
});

test('in a set that holds anything but entities is an error, also where an entity of it matches', () => {
  const engine = engineOf('permit (principal, action, resource) when { principal in [principal, context.other] };');
  assert.equal(engine.authorize(request({ context: { other: { __entity: alice } } })).code, 'ALLOWED');
  assert.equal(engine.authorize(request({ context: { other: 1 } })).code, 'POLICY_NO_RULE_MATCHES');
});

test('the first and the last literal of a pattern share no character', () => {
  const engine = engineOf('permit (principal, action, resource) when { context.text like "ab*ba" };');
  assert.equal(engine.authorize(request({ context: { text: 'abba' } })).code, 'ALLOWED');
  assert.equal(engine.authorize(request({ context: { text: 'aba' } })).code, 'POLICY_NO_RULE_MATCHES');
});

test('a product beyond the safe integers is an error: no permit applies', () => {
  const engine = engineOf('permit (principal, action, resource) unless { context.n * context.n == 1 };');
  assert.equal(engine.authorize(request({ context: { n: 2 } })).code, 'ALLOWED');
  assert.equal(engine.authorize(request({ context: { n: 2 ** 40 } })).code, 'POLICY_NO_RULE_MATCHES');
});

test('a text that is made to make patterns backtrack is matched in linear time', () => {
  const engine = engineOf(`permit (principal, action, resource) when { context.text like "${'a*'.repeat(40)}b" };`);
  assert.equal(engine.authorize(request({ context: { text: 'a'.repeat(200_000) } })).effect, 'deny');
});

const open = { effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } };
const when = (body: unknown) => ({ ...open, conditions: [{ kind: 'when', body }] });
const nested = () => {
  let body: unknown = { Value: true };
  for (let depth = 0; depth < 10_000; depth++) body = { '!': { arg: body } };
  return body;
};
const refusals: readonly (readonly [string, unknown])[] = [
  ['an extension function', parse('permit (principal, action, resource) when { ip("1.1.1.1").isIpv4() };')],
  ['tags', parse('permit (principal, action, resource) when { principal.hasTag("a") };')],
  ['a long beyond the safe integers', when({ '==': { left: { Value: 2 ** 53 }, right: { Value: 1 } } })],
  ['a slot', { ...open, principal: { op: '==', slot: '?principal' }, conditions: [] }],
  ['an effect that is none', { ...open, effect: 'allow', conditions: [] }],
  ['a further field', { ...open, conditions: [], extra: 1 }],
  ['no conditions', open],
  ['a condition that is neither when nor unless', { ...open, conditions: [{ kind: 'if', body: { Value: true } }] }],
  ['an operator of the prototype', when({ constructor: { arg: { Value: true } } })],
  ['two operators in one', when({ Value: true, Var: 'principal' })],
  ['an operator with a further operand', when({ '!': { arg: { Value: true }, also: 1 } })],
  ['an unknown variable', when({ Var: 'session' })],
  ['nesting beyond the limit', when(nested())],
  ['null', null],
  ['a text', 'permit (principal, action, resource);'],
];
for (const [what, json] of refusals) {
  test(`CONFIG_INVALID for a policy set with ${what}`, () => {
    const policies = { fine: parse(OWN), wrong: json };
    assert.throws(
      () => compileCedar([{ name: 'p', policies, text: '' }]),
      (error) => faultCode(error) === 'CONFIG_INVALID',
    );
  });
}
