import type { Registry } from '#registry';
import type { BundleResource, TrustDomainResource } from '#wire';

/** Bundles of other trust domains that a trust domain knows: fetched or set by hand, or of those hosted here that it federates with. By name. */
export function federatedBundles(registry: Registry, trustDomain: string): readonly BundleResource[] {
  const found = new Map<string, BundleResource>();
  for (const name of registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain)?.federatesWith ?? []) {
    const bundle = registry.find<BundleResource>('Bundle', name, name);
    if (bundle !== undefined) found.set(name, bundle);
  }
  for (const { key, body } of registry.list<BundleResource>('Bundle', trustDomain))
    if (key !== trustDomain) found.set(key, body);
  return [...found.values()].sort((a, b) => (a.trustDomain < b.trustDomain ? -1 : 1));
}
