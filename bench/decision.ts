// Decisions a second with 1, 100 and 2,000 Cedar policies, and over an Istio policy, against a bare closure that compares the same facts.
// Every policy names its own user, resource or action, as those of a grown system do. Requests go round 16 of them; `cold` goes round all 2,000, and
// measures the memory of the machine as much as the decision.
import { policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { type CedarRequest, compileCedar, compileReach, type Decision, type ReachRequest } from '#policy';
import type { Figure } from './figure.ts';

const WARM_MILLIS = 300;
const MEASURE_MILLIS = 1000;
const BATCH = 1000;
const HOT = 16;
const BUDGET_PER_SECOND = 1_000_000;

export async function run(): Promise<readonly Figure[]> {
  const limit = perSecond(bareClosure());
  const cedar = [1, 100, 2000].map((count) =>
    figure(`decision.cedar.${count}`, perSecond(cedarDecision(count)), limit),
  );
  const reach = [1, 100, 2000].map((count) =>
    figure(`decision.reach.${count}`, perSecond(reachDecision(count)), limit),
  );
  const cold = perSecond(cedarDecision(2000, 2000));
  const told = { ...figure('decision.cedar.2000.cold', cold, limit), budget: null, ok: true };
  return [...cedar, told, ...reach];
}

/** The least that a decision can do: compare three facts and say who decided. */
function bareClosure(): () => Decision {
  const requests = cedarRequests(100);
  let next = 0;
  return () => {
    const { principal, resource, context } = requests[next++ % requests.length] ?? cedarRequest(0);
    return principal.type === 'User' && resource.attributes?.tenant === 'bank-a' && context?.tenant === 'bank-a'
      ? { effect: 'allow', code: 'ALLOWED', rule: 'bare' }
      : { effect: 'deny', code: 'POLICY_NO_RULE_MATCHES' };
  };
}

function cedarDecision(count: number, asked = HOT): () => Decision {
  const policies = Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, cedarPolicy(index)]));
  const engine = compileCedar([{ name: 'bench', policies, text: '' }]);
  return round(spread(cedarRequests(count), asked), (request) => engine.authorize(request));
}

function cedarPolicy(index: number): unknown {
  const scope = [
    `principal == User::"u${index}", action, resource is Account`,
    `principal, action == Action::"a${index}", resource is Account`,
    `principal is User, action in [Action::"a${index}", Action::"b${index}"], resource == Account::"r${index}"`,
  ][index % 3];
  const parsed = policyToJson(
    `permit(${scope}) when { resource.owner == principal && context.tenant == resource.tenant && ["spiffe://bank-a/api-gateway"].contains(context.workload) };`,
  );
  return parsed.type === 'success' ? parsed.json : undefined;
}

function cedarRequests(count: number): readonly CedarRequest[] {
  return Array.from({ length: count }, (_, index) => cedarRequest(index));
}

function cedarRequest(index: number): CedarRequest {
  const owner = { __entity: { type: 'User', id: `u${index}` } };
  return {
    principal: { type: 'User', id: `u${index}` },
    action: `a${index}`,
    resource: { type: 'Account', id: `r${index}`, attributes: { owner, tenant: 'bank-a' } },
    context: { workload: 'spiffe://bank-a/api-gateway', tenant: 'bank-a' },
  };
}

function reachDecision(count: number): () => Decision {
  const apps = Array.from({ length: count }, (_, index) => `app-${index}`);
  const reach = compileReach(
    apps.map((app) => ({
      metadata: { name: app, namespace: 'bank-a' },
      spec: {
        selector: { matchLabels: { app } },
        rules: [
          {
            from: [{ source: { principals: ['bank-a/api-gateway', 'bank-a/user-service'] } }],
            to: [{ operation: { methods: ['GET'], paths: ['/accounts', '/accounts/*'] } }],
          },
        ],
      },
    })),
  );
  const requests = apps.map(
    (app): ReachRequest => ({
      workload: { namespace: 'bank-a', labels: { app } },
      principal: 'spiffe://bank-a/api-gateway',
      method: 'GET',
      path: '/accounts/1',
      host: 'account-service.bank-a',
      headers: {},
    }),
  );
  return round(spread(requests, HOT), (request) => reach.decide(request));
}

/** `most` of a list, evenly spread over it. */
function spread<T>(list: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, Math.floor(list.length / most));
  return list.filter((_, index) => index % step === 0).slice(0, most);
}

function round<T>(requests: readonly T[], decide: (request: T) => Decision): () => Decision {
  let next = 0;
  return () => {
    const request = requests[next++ % requests.length];
    if (request === undefined) return { effect: 'deny', code: 'POLICY_ERROR' };
    const decision = decide(request);
    // A bench of refusals would measure something else.
    if (decision.effect !== 'allow') process.exitCode = 1;
    return decision;
  };
}

function perSecond(decide: () => Decision): number {
  const warm = performance.now() + WARM_MILLIS;
  while (performance.now() < warm) decide();
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < MEASURE_MILLIS) {
    for (let index = 0; index < BATCH; index++) decide();
    done += BATCH;
  }
  return (done * 1000) / (performance.now() - start);
}

function figure(name: string, value: number, limit: number): Figure {
  const ok = value >= BUDGET_PER_SECOND && process.exitCode !== 1;
  return { name, unit: 'decisions/s', value, limit, ratio: value / limit, budget: '>= 1M/s', ok };
}
