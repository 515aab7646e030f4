import { Fault } from '#kernel';
import { setFederatedBundle } from '#registry';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { parseBundle, parseTrustDomain } from '#spiffe';
import { type BundleResource, type FederationResource, readSequence } from '#wire';
import { FederationsDefinition, type Relationship } from '#wire/gen/hauberk_federations';
import { parseCertificate } from '#x509';
import { bundleDocument, bundleResource } from '../federation/bundle-document.ts';
import type { FederationFollower } from '../federation/federation-follower.ts';
import type { State } from '../state.ts';
import { operator } from './operator.ts';

/** `hauberk.admin.v1.Federations`: on the operators' socket. */
export function federationsService(state: State, follower: FederationFollower): ServiceBinding<PeerCredentials> {
  const { registry } = state;
  const known = (trustDomain: string, other: string) =>
    registry.find<BundleResource>('Bundle', trustDomain, other === '' ? trustDomain : other);
  const relationship = (trustDomain: string, body: FederationResource, lastUsedAt = 0): Relationship => {
    const { bundleEndpointProfile: profile, owner = '' } = body;
    const bundle = known(trustDomain, body.trustDomain);
    const { refreshedAt = 0, code = '' } = follower.outcome(trustDomain, body.trustDomain) ?? {};
    return {
      trustDomain: body.trustDomain,
      url: body.bundleEndpointUrl,
      profile: profile.type,
      endpointSpiffeId: profile.type === 'https_spiffe' ? profile.endpointSpiffeId : '',
      owner,
      sequence: readSequence(bundle?.sequence ?? 0),
      x509Authorities: bundle?.x509Authorities.length ?? 0,
      refreshedAt: BigInt(refreshedAt),
      lastUsedAt: BigInt(lastUsedAt),
      code,
      authoritiesEndAt: BigInt(Math.floor(endOf(bundle) / 1000)),
    };
  };
  return bindService<typeof FederationsDefinition, PeerCredentials>(FederationsDefinition, {
    list: async ({ trustDomain }) => {
      state.trustDomain(trustDomain);
      const all = registry.list<FederationResource>('Federation', trustDomain);
      const uses = (await registry.uses(trustDomain)).filter(({ kind }) => kind === 'Federation');
      const lastUse = new Map(uses.map(({ key, lastUsedAt }) => [key, lastUsedAt]));
      return { relationships: all.map(({ key, body }) => relationship(trustDomain, body, lastUse.get(key))) };
    },
    refresh: async ({ trustDomain, other }) => {
      state.trustDomain(trustDomain);
      const { sequence } = await follower.refresh(trustDomain, other);
      return { sequence: readSequence(sequence) };
    },
    showBundle: async ({ trustDomain, other }) => {
      state.trustDomain(trustDomain);
      const bundle = known(trustDomain, other);
      if (bundle === undefined) throw new Fault('NOT_FOUND', 'no bundle of this trust domain is known');
      return { trustDomain, other, document: bundleDocument(bundle) };
    },
    setBundle: async ({ trustDomain, other, document }, { caller }) => {
      state.trustDomain(trustDomain);
      const resource = bundleResource(parseBundle(document, parseTrustDomain(other)), known(trustDomain, other));
      await state.commit(trustDomain, (draft) => setFederatedBundle(draft, trustDomain, resource), operator(caller));
      return { sequence: readSequence(resource.sequence) };
    },
  });
}

/** When the last authority for X509-SVIDs ends, Unix milliseconds; 0 for none. */
function endOf(bundle: BundleResource | undefined): number {
  const ends = bundle?.x509Authorities.map((text) => parseCertificate(Buffer.from(text, 'base64')).notAfter) ?? [];
  return Math.max(0, ...ends);
}
