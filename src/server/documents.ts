import { policySetTextToParts, policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { parseDocument, toResource } from '#config';
import { Fault, LIMITS } from '#kernel';
import type { ResourceChange } from '#registry';
import type { TrustDomainResource } from '#wire';

/** Changes by trust domain, trust domains that are new first. */
export type Plan = ReadonlyMap<string, readonly ResourceChange[]>;

/** Turns documents (JSON) into changes. Nothing is written. Throws `CONFIG_INVALID`, `NOT_FOUND`, `LIMIT_EXCEEDED`. */
export function planDocuments(documents: readonly string[], present: readonly TrustDomainResource[]): Plan {
  if (documents.length > LIMITS.documentCount.value)
    throw new Fault('LIMIT_EXCEEDED', 'too many documents in one apply');
  const converted = documents.map((json) => toResource(parseDocument(readJson(json))));
  const domains = new Map(present.map((domain) => [domain.name, domain]));
  const plan = new Map<string, ResourceChange[]>();
  const put = (trustDomain: string, change: ResourceChange): void => {
    if (!domains.has(trustDomain)) throw new Fault('NOT_FOUND', `no trust domain ${trustDomain}`);
    const planned = plan.get(trustDomain);
    if (planned === undefined) plan.set(trustDomain, [change]);
    else planned.push(change);
  };
  for (const one of converted) if (one.kind === 'TrustDomain') domains.set(one.body.name, one.body);
  for (const one of converted) {
    if (one.kind === 'AuthorizationPolicy') put(ownerOf(one.namespace, [...domains.values()]), one);
    else if (one.kind === 'CedarPolicy') {
      const body = { ...one.body, policies: compileCedar(one.body.text) };
      for (const name of one.trustDomain === undefined ? domains.keys() : [one.trustDomain])
        put(name, { kind: one.kind, key: one.key, body });
    } else put(one.trustDomain, one);
  }
  return new Map(
    [...plan].map(([name, changes]) => [name, changes.map(({ kind, key, body }) => ({ kind, key, body }))]),
  );
}

function ownerOf(namespace: string, domains: readonly TrustDomainResource[]): string {
  const owner = domains.find((domain) => domain.namespaces.includes(namespace));
  if (owner === undefined) throw new Fault('NOT_FOUND', `no trust domain lists the namespace ${namespace}`);
  return owner.name;
}

/** Cedar's own parser makes the JSON form that enforcement points compile. */
function compileCedar(text: string): Record<string, unknown> {
  const parts = policySetTextToParts(text);
  if (parts.type === 'failure')
    throw new Fault('CONFIG_INVALID', `the Cedar policies cannot be read: ${parts.errors[0]?.message ?? ''}`);
  if (parts.policy_templates.length > 0) throw new Fault('CONFIG_INVALID', 'Cedar templates are not used here');
  const policies: Record<string, unknown> = {};
  parts.policies.forEach((policy, index) => {
    const parsed = policyToJson(policy);
    if (parsed.type === 'failure')
      throw new Fault('CONFIG_INVALID', `a Cedar policy cannot be read: ${parsed.errors[0]?.message ?? ''}`);
    const id = parsed.json.annotations?.id ?? `policy${index}`;
    if (Object.hasOwn(policies, id)) throw new Fault('CONFIG_INVALID', `two Cedar policies have the id ${id}`);
    policies[id] = parsed.json;
  });
  return policies;
}

function readJson(json: string): unknown {
  if (Buffer.byteLength(json) > LIMITS.documentBytes.value)
    throw new Fault('LIMIT_EXCEEDED', 'a document is larger than the limit');
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'a document is not JSON', { cause });
  }
}
