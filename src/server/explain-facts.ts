import { nearestEntries } from '#attestation';
import type { Receipt } from '#chain';
import type { Registry } from '#registry';
import type { AuthorizationPolicyResource, EntryResource, MinterResource, ServiceResource } from '#wire';

/** What the registry and the receipt say about a denial: the entries, policies, keys and clocks that decided. */
export function factsOf(broken: Receipt, registry: Registry): readonly string[] {
  switch (broken.code) {
    case 'IDENTITY_NO_ENTRY':
      return nearest(broken, registry);
    case 'POLICY_NO_POLICY':
    case 'POLICY_NO_RULE_MATCHES':
    case 'POLICY_DENIED':
    case 'POLICY_ERROR':
      return broken.kind === 'guard' ? cedarPolicies(broken, registry) : reachPolicies(broken, registry);
    case 'RESOURCE_NOT_PERMITTED':
      return cedarPolicies(broken, registry);
    case 'PEER_TRUST_DOMAIN_UNKNOWN':
      return trustedDomains(broken, registry);
    case 'MINTER_UNKNOWN':
      return minters(broken, registry);
    default:
      return [...clock(broken), ...audience(broken)];
  }
}

function nearest({ detail }: Receipt, registry: Registry): readonly string[] {
  const selectors = detail?.selectors;
  const seen = new Set(Array.isArray(selectors) ? selectors.filter((one) => typeof one === 'string') : []);
  const entries = registry.list<EntryResource>('Entry').map(({ body }) => body);
  const pid = typeof detail?.pid === 'number' ? ` of process ${detail.pid}` : '';
  return [
    `selectors seen${pid}: ${[...seen].join(' ')}`,
    ...nearestEntries(entries, seen, 3).map(
      ({ entry, missing }) => `nearest entry: ${entry.spiffeId} (missing ${missing.join(' ')})`,
    ),
  ];
}

/** Nothing allowed anyone then, and a policy that allows somebody selects the workload now. */
export function isAllowedToSomebodySince(broken: Receipt, registry: Registry): boolean {
  if (broken.code !== 'POLICY_NO_POLICY' || broken.kind === 'guard') return false;
  const service = serviceOf(broken, registry);
  if (service === undefined) return false;
  return selecting(service, broken, registry).some(({ spec }) => (spec.action ?? 'ALLOW') === 'ALLOW');
}

function serviceOf({ workload }: Receipt, registry: Registry): ServiceResource | undefined {
  return registry.list<ServiceResource>('Service').find(({ body }) => body.spiffeId === workload)?.body;
}

function selecting(service: ServiceResource, { trustDomain }: Receipt, registry: Registry) {
  return registry
    .list<AuthorizationPolicyResource>('AuthorizationPolicy', trustDomain)
    .map(({ body }) => body)
    .filter((policy) => selects(policy, service));
}

function reachPolicies(broken: Receipt, registry: Registry): readonly string[] {
  const service = serviceOf(broken, registry);
  if (service === undefined)
    return [`no Service document names ${broken.workload ?? 'this workload'}, so no policy selects it`];
  const selected = selecting(service, broken, registry);
  if (selected.length === 0) return [`no AuthorizationPolicy of the namespace ${service.namespace} selects it`];
  return selected.map(({ metadata, spec }) => {
    const { action = 'ALLOW', rules } = spec;
    return `policy that selects it: ${metadata.namespace}/${metadata.name} (${String(action)} ${callers(rules)})`;
  });
}

function selects({ metadata, spec }: AuthorizationPolicyResource, { namespace, labels }: ServiceResource): boolean {
  if (metadata.namespace !== namespace && metadata.namespace !== 'istio-system') return false;
  const wanted = Object.entries(Object(Object(spec.selector).matchLabels ?? {}));
  return wanted.every(([name, value]) => labels[name] === value);
}

/** The principals that a policy lists, for a person; the rules themselves are in its document. */
function callers(rules: unknown): string {
  const found = JSON.stringify(rules ?? []).match(/"principals":\[[^\]]*\]/g) ?? [];
  const names = found.flatMap((list): readonly unknown[] => JSON.parse(list.slice(list.indexOf('['))));
  return names.length === 0 ? 'nobody by name' : [...new Set(names.map(String))].slice(0, 10).join(', ');
}

function cedarPolicies({ trustDomain }: Receipt, registry: Registry): readonly string[] {
  const names = registry.list('CedarPolicy', trustDomain).map(({ key }) => key);
  return [names.length === 0 ? `${trustDomain} has no Cedar policy` : `Cedar policies asked: ${names.join(', ')}`];
}

function trustedDomains({ detail, trustDomain }: Receipt, registry: Registry): readonly string[] {
  const trusted = registry.list('Bundle', trustDomain).map(({ key }) => key);
  const shown =
    typeof detail?.trustDomain === 'string' ? [`trust domain of the certificate: ${detail.trustDomain}`] : [];
  return [...shown, `${trustDomain} trusts: ${trusted.join(', ')}`];
}

function minters(broken: Receipt, registry: Registry): readonly string[] {
  const { detail, trustDomain } = broken;
  const kid = typeof detail?.kid === 'string' ? [`key: ${detail.kid}`] : [];
  const known = registry
    .list<MinterResource>('Minter', trustDomain)
    .map(({ body }) => `${body.kid} of ${body.spiffeId}`);
  return [
    ...kid,
    `registered minters of ${trustDomain}: ${known.length === 0 ? 'none' : known.join(', ')}`,
    ...clock(broken),
  ];
}

function clock({ detail }: Pick<Receipt, 'detail'>): readonly string[] {
  const { now, ended, begins } = detail ?? {};
  if (typeof now !== 'number') return [];
  if (typeof ended === 'number')
    return [`clock: it ended at ${time(ended)}, ${now - ended} s before ${time(now)}, the time there`];
  if (typeof begins === 'number')
    return [`clock: it begins at ${time(begins)}, ${begins - now} s after ${time(now)}, the time there`];
  return [];
}

function audience({ detail }: Receipt): readonly string[] {
  if (typeof detail?.audience !== 'string' || typeof detail.expected !== 'string') return [];
  return [`audience of the token: ${detail.audience}; here it has to be ${detail.expected}`];
}

/** A reporter's number may be no time at all. */
function time(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().replace('.000Z', 'Z');
}
