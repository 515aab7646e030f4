import { Fault } from '#kernel';
import type { AuthorizationPolicyResource } from '#wire';
import type { Decision, ReachRequest } from './decision.ts';
import { compileRule, type RequestTest } from './rule.ts';
import { type Selection, SelectionIndex } from './selection-index.ts';

/** Who may reach what: the Istio policies of a trust domain, compiled. */
export interface Reach {
  decide(request: ReachRequest): Decision;
}

interface Compiled extends Selection {
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly { readonly id: string; readonly test: RequestTest }[];
}

/**
 * Compiles policies once, when they change. A policy that holds what is not evaluated here refuses everything that it selects (`POLICY_ERROR`):
 * to leave it out would open what it was meant to close.
 */
export function compileReach(policies: readonly AuthorizationPolicyResource[]): Reach {
  const compiled = policies.map(compilePolicy);
  const whole = compiled.filter((policy) => policy !== undefined);
  if (whole.length < compiled.length) return { decide: () => ({ effect: 'deny', code: 'POLICY_ERROR' }) };
  const index = new SelectionIndex(whole);
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

/** DENY before ALLOW; no ALLOW policy for the workload is a deny, where Istio would allow. */
function judge(selected: readonly Compiled[], request: ReachRequest): Decision {
  const denied = firstMatch(selected, 'DENY', request);
  if (denied !== undefined) return { effect: 'deny', code: 'POLICY_DENIED', rule: denied };
  if (!selected.some(({ action }) => action === 'ALLOW')) return { effect: 'deny', code: 'POLICY_NO_POLICY' };
  const allowed = firstMatch(selected, 'ALLOW', request);
  return allowed === undefined
    ? { effect: 'deny', code: 'POLICY_NO_RULE_MATCHES' }
    : { effect: 'allow', code: 'ALLOWED', rule: allowed };
}

function firstMatch(
  policies: readonly Compiled[],
  action: Compiled['action'],
  request: ReachRequest,
): string | undefined {
  for (const policy of policies) {
    if (policy.action !== action) continue;
    const rule = policy.rules.find(({ test }) => test(request));
    if (rule !== undefined) return rule.id;
  }
  return undefined;
}

/** Undefined for a policy that cannot be compiled: it is taken to select everything. */
function compilePolicy({ metadata, spec }: AuthorizationPolicyResource): Compiled | undefined {
  const { name, namespace } = metadata;
  try {
    const { selector, action = 'ALLOW', rules, ...rest } = spec;
    if (Object.keys(rest).length > 0 || (action !== 'ALLOW' && action !== 'DENY')) return undefined;
    if (rules !== undefined && !Array.isArray(rules)) return undefined;
    const list: readonly unknown[] = rules ?? [];
    // Istio's validation refuses it as meaningless: it would deny nothing.
    if (action === 'DENY' && list.length === 0) return undefined;
    return {
      namespace,
      labels: matchLabels(selector),
      action,
      rules: list.map((rule, index) => ({ id: `${namespace}/${name}#${index}`, test: compileRule(rule, namespace) })),
    };
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

function matchLabels(selector: unknown): readonly (readonly [string, unknown])[] {
  if (selector === undefined) return [];
  const { matchLabels: labels, ...rest } = Object(selector) as Record<string, unknown>;
  if (Object.keys(rest).length > 0) throw new Fault('CONFIG_INVALID', 'a selector has matchLabels only');
  const entries = Object.entries(Object(labels ?? {}));
  if (!entries.every(([, value]) => typeof value === 'string'))
    throw new Fault('CONFIG_INVALID', 'the labels of a selector are texts');
  return entries;
}
