import { Fault } from '#kernel';
import type { AuthorizationPolicyResource } from '#wire';
import type { Decision, ReachRequest } from './decision.ts';
import { type PolicyProblem, problemOf, refuse, refused, unknownWord, within } from './refusal.ts';
import { compileRule, type RequestTest } from './rule.ts';
import { type Selection, SelectionIndex } from './selection-index.ts';

/** Who may reach what: the Istio policies of a trust domain, compiled. */
export interface Reach {
  decide(request: ReachRequest): Decision;
}

interface Compiled extends Selection {
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT';
  readonly rules: readonly { readonly id: string; readonly test: RequestTest }[];
}

/** Istio's default. Its policies select in every namespace of the trust domain. */
const ROOT_NAMESPACE = 'istio-system';

/**
 * Compiles policies once, when they change. A policy that holds what is not evaluated here refuses everything (`POLICY_ERROR`): to leave it out
 * would open what it was meant to close. `findReachProblem` says so before it is stored.
 */
export function compileReach(policies: readonly AuthorizationPolicyResource[]): Reach {
  const compiled = compileAll(policies);
  if (compiled === undefined) return { decide: () => ({ effect: 'deny', code: 'POLICY_ERROR' }) };
  const index = new SelectionIndex(compiled, ROOT_NAMESPACE);
  return {
    decide: (request) => {
      try {
        return judge(index.select(request.workload), request);
      } catch (error) {
        // A rule asked for a fact that the enforcement point does not have.
        if (error instanceof Fault) return { effect: 'deny', code: 'POLICY_ERROR' };
        throw error;
      }
    },
  };
}

function compileAll(policies: readonly AuthorizationPolicyResource[]): readonly Compiled[] | undefined {
  try {
    return policies.map(compilePolicy);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/** Why a policy cannot be enforced whole; undefined when it can. */
export function findReachProblem(policy: AuthorizationPolicyResource): PolicyProblem | undefined {
  try {
    compilePolicy(policy);
    return undefined;
  } catch (error) {
    return problemOf(error);
  }
}

/** DENY before ALLOW; no ALLOW policy for the workload is a deny, where Istio would allow. AUDIT is told beside, and changes nothing. */
function judge(selected: readonly Compiled[], request: ReachRequest): Decision {
  const decision = decide(selected, request);
  const audited = matching(selected, 'AUDIT', request);
  return audited.length === 0 ? decision : { ...decision, audited };
}

function decide(selected: readonly Compiled[], request: ReachRequest): Decision {
  const [denied] = matching(selected, 'DENY', request);
  if (denied !== undefined) return { effect: 'deny', code: 'POLICY_DENIED', rule: denied };
  if (!selected.some(({ action }) => action === 'ALLOW')) return { effect: 'deny', code: 'POLICY_NO_POLICY' };
  const [allowed] = matching(selected, 'ALLOW', request);
  return allowed === undefined
    ? { effect: 'deny', code: 'POLICY_NO_RULE_MATCHES' }
    : { effect: 'allow', code: 'ALLOWED', rule: allowed };
}

/** The first matching rule of each policy of an action; for ALLOW and DENY the first policy is enough. */
function matching(policies: readonly Compiled[], action: Compiled['action'], request: ReachRequest): readonly string[] {
  const found: string[] = [];
  for (const policy of policies) {
    if (policy.action !== action) continue;
    const rule = policy.rules.find(({ test }) => test(request));
    if (rule === undefined) continue;
    found.push(rule.id);
    if (action !== 'AUDIT') break;
  }
  return found;
}

const FIELDS = ['selector', 'action', 'rules'];
const ACTIONS = ['ALLOW', 'DENY', 'AUDIT'];

/** Throws `CONFIG_INVALID` for what cannot be enforced whole. */
function compilePolicy({ metadata, spec }: AuthorizationPolicyResource): Compiled {
  const { name, namespace, annotations } = metadata;
  return within('spec', () => {
    const { selector, action = 'ALLOW', rules } = spec;
    const unknown = Object.keys(spec).find((field) => !FIELDS.includes(field));
    if (unknown !== undefined) throw unknownWord(unknown, FIELDS);
    if (action !== 'ALLOW' && action !== 'DENY' && action !== 'AUDIT')
      throw unknownWord(String(action), ACTIONS, '.action');
    if (rules !== undefined && !Array.isArray(rules))
      throw within('.rules', () => refuse('a value where a list should be', 'a list'));
    const list: readonly unknown[] = rules ?? [];
    // Istio's validation refuses it as meaningless: it would deny nothing.
    if (action === 'DENY' && list.length === 0) throw refused('the action DENY without rules', 'at least one rule');
    return {
      namespace,
      labels: within('.selector', () => matchLabels(selector)),
      // A policy on trial must not open or close anything: Istio's own proxies evaluate it aside, and so is it here.
      action: annotations?.['istio.io/dry-run'] === 'true' ? 'AUDIT' : action,
      rules: list.map((rule, index) => ({
        id: `${namespace}/${name}#${index}`,
        test: within(`.rules[${index}]`, () => compileRule(rule, namespace)),
      })),
    };
  });
}

function matchLabels(selector: unknown): readonly (readonly [string, unknown])[] {
  if (selector === undefined) return [];
  if (typeof selector !== 'object' || selector === null) throw refused('a selector that is none', 'a mapping');
  const { matchLabels: labels, ...rest } = selector as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw unknownWord(unknown, ['matchLabels']);
  const entries = Object.entries(Object(labels ?? {}));
  const wrong = entries.find(([, value]) => typeof value !== 'string');
  if (wrong !== undefined) throw within(`.matchLabels.${wrong[0]}`, () => refuse('a label that is no text', 'a text'));
  return entries;
}
