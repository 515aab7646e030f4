import { formatTokenBundle, type JwtBundle, parseJwtBundle, parseWitBundle, type WitBundle } from '#spiffe';
import type { BundleResource } from '#wire';

/** Keys of bundles are read once: a bundle is one object until the server sends it again. */
const jwts = new WeakMap<BundleResource, JwtBundle>();
const wits = new WeakMap<BundleResource, WitBundle>();

/** Throws `BUNDLE_INVALID`. */
export function jwtBundleOf(bundle: BundleResource): JwtBundle {
  return once(jwts, bundle, parseJwtBundle);
}

/** Throws `BUNDLE_INVALID`. */
export function witBundleOf(bundle: BundleResource): WitBundle {
  return once(wits, bundle, parseWitBundle);
}

/** Of a token's key in the present bundle: whether what it signed is good, to be replaced, or worth nothing any more. */
export function judgeKid(authorities: BundleResource['jwtAuthorities'], kid: string): 'good' | 'replace' | 'void' {
  const key = authorities?.find((one) => one.kid === kid);
  if (key === undefined) return 'void';
  return key.tainted === true ? 'replace' : 'good';
}

/** A JWKS of keys of one use for each trust domain, by its SPIFFE ID; a bundle that cannot be read holds back no other. */
export function tokenJwks(
  bundles: ReadonlyMap<string, BundleResource>,
  read: (bundle: BundleResource) => JwtBundle | WitBundle,
): Record<string, string> {
  const jwks: Record<string, string> = {};
  for (const [name, bundle] of bundles) {
    const parsed = attempt(() => read(bundle));
    if (parsed !== undefined) jwks[`spiffe://${name}`] = formatTokenBundle(parsed);
  }
  return jwks;
}

export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function once<T>(known: WeakMap<BundleResource, T>, bundle: BundleResource, read: (bundle: BundleResource) => T): T {
  const before = known.get(bundle);
  if (before !== undefined) return before;
  const parsed = read(bundle);
  known.set(bundle, parsed);
  return parsed;
}
