import type { Certificate } from './certificate.ts';
import { isSelfIssued } from './name.ts';
import { OID } from './oids.ts';
import type { CertificatePolicies } from './policy-extensions.ts';

/** Policies that are valid at one depth, each with those that it is known by below. Null once there is none (§6.1.3 (e), (f)). */
type Level = ReadonlyMap<string, ReadonlySet<string>> | null;

interface Skips {
  readonly explicit: number;
  readonly mapping: number;
  readonly any: number;
}

interface State {
  readonly level: Level;
  readonly skips: Skips;
}

/**
 * Certificate policies of RFC 5280 §6.1 for whoever asks for none in particular (`user-initial-policy-set` is any policy): they refuse a path
 * only where one of its certificates requires a policy and none is valid all the way. The tree is kept as its lowest level, whose nodes of one
 * policy are one: whether it is empty is all that is asked of it.
 */
export function permitsPolicies(path: readonly Certificate[]): boolean {
  const below = path.slice(0, -1).reverse();
  if (below.every(({ policies }) => policies === undefined)) return true;
  const unlimited = below.length + 1;
  let state: State | undefined = {
    level: new Map([[OID.anyPolicy, new Set([OID.anyPolicy])]]),
    skips: { explicit: unlimited, mapping: unlimited, any: unlimited },
  };
  for (const [index, certificate] of below.entries()) {
    state = step(state, certificate, index === below.length - 1);
    if (state === undefined) return false;
  }
  return true;
}

/** One certificate; undefined when the path is refused by it. */
function step({ level, skips }: State, certificate: Certificate, last: boolean): State | undefined {
  const policies = certificate.policies ?? {};
  const selfIssued = isSelfIssued(certificate);
  const next = lower(level, policies, skips.any > 0 || (!last && selfIssued));
  if (last) {
    // §6.1.5 (a), (b).
    const explicit = policies.requireExplicit === 0 ? 0 : Math.max(0, skips.explicit - 1);
    return explicit > 0 || next !== null ? { level: next, skips } : undefined;
  }
  if (skips.explicit === 0 && next === null) return undefined;
  // §6.1.4 (a): no mapping to or from any policy.
  if (policies.mappings?.some((pair) => pair.includes(OID.anyPolicy))) return undefined;
  return { level: mapped(next, policies, skips.mapping > 0), skips: lowered(skips, policies, selfIssued) };
}

/** §6.1.3 (d) to (e). */
function lower(level: Level, { asserted }: CertificatePolicies, anyCounts: boolean): Level {
  if (level === null || asserted === undefined) return null;
  const expected = new Set([...level.values()].flatMap((names) => [...names]));
  const next = new Map<string, ReadonlySet<string>>();
  for (const policy of asserted)
    if (policy !== OID.anyPolicy && (expected.has(policy) || level.has(OID.anyPolicy)))
      next.set(policy, new Set([policy]));
  if (anyCounts && asserted.includes(OID.anyPolicy))
    for (const policy of expected) if (!next.has(policy)) next.set(policy, new Set([policy]));
  return next.size === 0 ? null : next;
}

/** §6.1.4 (b). */
function mapped(level: Level, { mappings = [] }: CertificatePolicies, mayMap: boolean): Level {
  if (level === null || mappings.length === 0) return level;
  const next = new Map(level);
  for (const from of new Set(mappings.map(([issuerDomain]) => issuerDomain))) {
    const to = mappings.filter(([issuerDomain]) => issuerDomain === from).map(([, subjectDomain]) => subjectDomain);
    if (!mayMap) next.delete(from);
    else if (level.has(from) || level.has(OID.anyPolicy)) next.set(from, new Set(to));
  }
  return next.size === 0 ? null : next;
}

/** §6.1.4 (h) to (j). */
function lowered(skips: Skips, policies: CertificatePolicies, selfIssued: boolean): Skips {
  const less = (value: number, limit: number | undefined): number =>
    Math.min(selfIssued ? value : Math.max(0, value - 1), limit ?? Number.POSITIVE_INFINITY);
  return {
    explicit: less(skips.explicit, policies.requireExplicit),
    mapping: less(skips.mapping, policies.inhibitMapping),
    any: less(skips.any, policies.inhibitAny),
  };
}
