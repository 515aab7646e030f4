import { Fault, LIMITS } from '#kernel';
import { isTrustDomain, SpiffeId } from '#spiffe';
import type { FederationResource } from '#wire';

/** A federation relationship as it comes to stand. Throws `FEDERATION_INVALID`, naming the rule. */
export function parseFederation(trustDomain: string, key: string, body: unknown): FederationResource {
  if (!isShape(body)) throw invalid('it needs trustDomain, bundleEndpointUrl and bundleEndpointProfile');
  if (body.trustDomain !== key || !isTrustDomain(key)) throw invalid('its key is the name of the other trust domain');
  if (key === trustDomain) throw invalid('a trust domain does not federate with itself');
  assertUrl(body.bundleEndpointUrl);
  const { bundleEndpointProfile: profile, allow, owner, appliedSet } = body;
  if (profile.type === 'https_spiffe' && !isSpiffeIdText(profile.endpointSpiffeId))
    throw invalid('profile https_spiffe needs the SPIFFE ID of the endpoint');
  for (const id of allow?.ids ?? [])
    if (!isSpiffeIdText(id.replace(/\/\*$/, '')) || !id.startsWith(`spiffe://${key}/`))
      throw invalid('an id that it allows is no SPIFFE ID of the other trust domain, with or without /* at its end');
  return {
    trustDomain: key,
    bundleEndpointUrl: body.bundleEndpointUrl,
    bundleEndpointProfile:
      profile.type === 'https_web'
        ? { type: 'https_web' }
        : { type: 'https_spiffe', endpointSpiffeId: profile.endpointSpiffeId },
    ...(allow === undefined ? {} : { allow }),
    ...(owner === undefined || owner === '' ? {} : { owner }),
    ...(appliedSet === undefined ? {} : { appliedSet }),
  };
}

function assertUrl(text: string): void {
  const url = text.length <= LIMITS.urlBytes.value && URL.canParse(text) ? new URL(text) : undefined;
  // A URL without host is read as one whose host is the first part of its path.
  if (url === undefined || !/^https:\/\/[^/?#]/i.test(text)) throw invalid('its bundle endpoint is no https address');
  // Federation §5.2.1: an address with user information is not used.
  if (url.username !== '' || url.password !== '') throw invalid('the address of its bundle endpoint names a user');
}

function isSpiffeIdText(text: unknown): boolean {
  try {
    SpiffeId.parse(String(text));
    return true;
  } catch {
    return false;
  }
}

function isShape(value: unknown): value is FederationResource {
  if (typeof value !== 'object' || value === null) return false;
  const { trustDomain, bundleEndpointUrl, bundleEndpointProfile, allow, owner, appliedSet } = value as Partial<
    Record<keyof FederationResource, unknown>
  >;
  const type = Object(bundleEndpointProfile).type;
  return (
    typeof trustDomain === 'string' &&
    typeof bundleEndpointUrl === 'string' &&
    (type === 'https_web' || type === 'https_spiffe') &&
    (allow === undefined || isAllowance(allow)) &&
    (owner === undefined || typeof owner === 'string') &&
    (appliedSet === undefined || typeof appliedSet === 'string')
  );
}

function isAllowance(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([field, list]) =>
      ['ids', 'actions', 'tenants'].includes(field) &&
      Array.isArray(list) &&
      list.length <= LIMITS.entryNames.value &&
      list.every((one) => typeof one === 'string'),
  );
}

function invalid(rule: string): Fault {
  return new Fault('FEDERATION_INVALID', `the federation relationship is not acceptable: ${rule}`);
}
