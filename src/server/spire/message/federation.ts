import type { BundleResource, FederationResource } from '#wire';
import { FederationRelationship, type FederationRelationshipMask } from '#wire/gen/spire/api/types';
import { encodeBundle } from './bundle.ts';
import { invalid, parseTrustDomainName } from './ids.ts';
import { names } from './mask.ts';

const EMPTY = FederationRelationship.decode(new Uint8Array());

export function encodeRelationship(
  federation: FederationResource,
  bundle: BundleResource | undefined,
  mask?: FederationRelationshipMask,
): FederationRelationship {
  const { bundleEndpointProfile: profile } = federation;
  const endpoint =
    profile.type === 'https_web' ? { httpsWeb: {} } : { httpsSpiffe: { endpointSpiffeId: profile.endpointSpiffeId } };
  return {
    ...EMPTY,
    trustDomain: federation.trustDomain,
    ...(names(mask, 'bundleEndpointUrl') ? { bundleEndpointUrl: federation.bundleEndpointUrl } : {}),
    ...(names(mask, 'bundleEndpointProfile') ? endpoint : {}),
    ...(names(mask, 'trustDomainBundle') && bundle !== undefined ? { trustDomainBundle: encodeBundle(bundle) } : {}),
  };
}

/** The fields that the mask names, and `base`'s elsewhere. Throws `ARGUMENT_INVALID`; the registry holds the rest of the rules. */
export function decodeRelationship(
  message: FederationRelationship,
  options: { readonly base?: FederationResource; readonly mask?: FederationRelationshipMask } = {},
): FederationResource {
  const { base, mask } = options;
  const has = (field: keyof FederationRelationshipMask): boolean => base === undefined || names(mask, field);
  const profile = has('bundleEndpointProfile') ? decodeProfile(message) : base?.bundleEndpointProfile;
  if (profile === undefined) throw invalid('federation relationship', 'its bundle endpoint profile is missing');
  return {
    ...base,
    trustDomain: parseTrustDomainName(message.trustDomain, 'trust domain'),
    bundleEndpointUrl: has('bundleEndpointUrl') ? message.bundleEndpointUrl : (base?.bundleEndpointUrl ?? ''),
    bundleEndpointProfile: profile,
  };
}

function decodeProfile(message: FederationRelationship): FederationResource['bundleEndpointProfile'] | undefined {
  if (message.httpsSpiffe !== undefined)
    return { type: 'https_spiffe', endpointSpiffeId: message.httpsSpiffe.endpointSpiffeId };
  return message.httpsWeb === undefined ? undefined : { type: 'https_web' };
}
