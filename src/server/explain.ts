import { type Receipt, reasonCode } from '#chain';
import { brokenLink } from '#ledger';
import type { Registry } from '#registry';

/** For a denial: what broke where, and the smallest fix. For operators only: it names rules and entries. */
export function explain(ordered: readonly Receipt[], registry: Registry): readonly string[] {
  const broken = brokenLink(ordered);
  if (broken === undefined) return [];
  const place = broken.workload ?? broken.kind;
  const who = [broken.user, broken.peer].filter((one) => one !== undefined).join(' through ');
  const lines = [
    `broken link: ${broken.kind} at ${place}${who === '' ? '' : `, asked by ${who}`}`,
    `${broken.code}: ${reasonCode(broken.code).meaning}`,
  ];
  if (broken.rule !== undefined) lines.push(`rule: ${broken.rule}`);
  if (broken.code === 'IDENTITY_NO_ENTRY') lines.push(...nearestEntries(broken, registry));
  const fix = FIXES[broken.code];
  return fix === undefined ? lines : [...lines, `fix: ${fix}`];
}

const FIXES: Readonly<Record<string, string>> = {
  IDENTITY_NO_ENTRY: 'create an entry whose selectors the process has: hauberk entry create',
  POLICY_NO_POLICY: 'write an AuthorizationPolicy that selects this workload',
  POLICY_NO_RULE_MATCHES:
    'add the caller to a rule of an AuthorizationPolicy that selects this workload, if it should be allowed',
  RESOURCE_NOT_PERMITTED: 'no Cedar policy permits this user, through this workload, this action on this resource',
  PEER_TRUST_DOMAIN_UNKNOWN: 'let the two trust domains federate (TrustDomain federatesWith), if they should',
  TOKEN_EXPIRED: 'start a new request: tokens live for one transaction',
  TOKEN_AUDIENCE_MISMATCH: 'a token serves the trust domain that it was minted for only',
  ROUTE_TENANT_MISMATCH: "use the route of the user's own tenant",
  DATABASE_NO_CONTEXT: 'wrap the queries in request.transaction(…)',
};

function nearestEntries(broken: Receipt, registry: Registry): readonly string[] {
  const selectors = broken.detail?.selectors;
  const seen = new Set(Array.isArray(selectors) ? selectors.map(String) : []);
  const scored = registry.list<{ spiffeId: string; selectors: readonly string[] }>('Entry').map(({ body }) => {
    const missing = body.selectors.filter((selector) => !seen.has(selector));
    return { id: body.spiffeId, missing, matched: body.selectors.length - missing.length };
  });
  scored.sort((a, b) => a.missing.length - b.missing.length || b.matched - a.matched);
  return [
    `selectors seen: ${[...seen].join(' ')}`,
    ...scored.slice(0, 3).map(({ id, missing }) => `nearest entry: ${id} (missing ${missing.join(' ')})`),
  ];
}
