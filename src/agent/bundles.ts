import type { BundleResource } from '#wire';
import type { Entitlement } from './entitlement.ts';

/** Bundles by name of trust domain. */
export type Bundles = ReadonlyMap<string, BundleResource>;

/** Bundles of the caller's own trust domains, that of its default identity first. */
export function ownBundles(entitled: readonly Entitlement[]): Bundles {
  const bundles = new Map<string, BundleResource>();
  for (const { membership } of entitled) bundles.set(membership.name, membership.ownBundle());
  return bundles;
}

/** Bundles of the trust domains that the caller's entries federate with, as far as they are known, without its own. */
export function federatedBundles(entitled: readonly Entitlement[]): Bundles {
  const own = ownBundles(entitled);
  const bundles = new Map<string, BundleResource>();
  for (const { membership, entry } of entitled) {
    for (const name of entry.federatesWith ?? []) {
      const bundle = membership.bundle(name);
      if (bundle !== undefined && !own.has(name)) bundles.set(name, bundle);
    }
  }
  return bundles;
}

export function x509Authorities(bundle: BundleResource): readonly Buffer[] {
  return bundle.x509Authorities.map((text) => Buffer.from(text, 'base64'));
}

/** The caller's own bundles and those of its federation. */
export function allBundles(entitled: readonly Entitlement[]): Bundles {
  return new Map([...ownBundles(entitled), ...federatedBundles(entitled)]);
}
