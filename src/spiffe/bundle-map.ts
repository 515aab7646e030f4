import { Fault, isJsonObject, LIMITS } from '#kernel';
import { type ParsedBundle, readBundle, readDocument } from './parse-bundle.ts';
import { parseTrustDomain, type TrustDomain } from './trust-domain.ts';

/**
 * Reads a Bundle Map (Trust Domain and Bundle §5): `trust_domains`, which must exist and may be empty, holds a bundle under each name.
 * Refresh hints of the bundles inside are dropped: they never change how often the map is fetched (B-11). Throws `BUNDLE_INVALID` or
 * `TRUST_DOMAIN_INVALID`.
 */
export function parseBundleMap(document: Uint8Array | string): ReadonlyMap<TrustDomain, ParsedBundle> {
  const value = readDocument(document);
  const trustDomains = isJsonObject(value) ? value.trust_domains : undefined;
  if (!isJsonObject(trustDomains)) throw new Fault('BUNDLE_INVALID', 'not a bundle map: it has no trust_domains');
  const members = Object.entries(trustDomains);
  if (members.length > LIMITS.bundleMapTrustDomains.value)
    throw new Fault('BUNDLE_INVALID', 'not a bundle map: it has too many trust domains');
  return new Map(
    members.map(([name, bundle]) => {
      const trustDomain = parseTrustDomain(name);
      const { refreshHintSeconds: _, ...rest } = readBundle(bundle, trustDomain);
      return [trustDomain, rest];
    }),
  );
}
