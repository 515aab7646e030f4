import { Fault } from '#kernel';
import { type Draft, parseFederation } from '#registry';
import type { ServiceBinding } from '#rpc';
import type { BundleResource, FederationResource } from '#wire';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import type { FederationRelationship, FederationRelationshipMask, Status } from '#wire/gen/spire/api/types';
import { writeBatch } from './batch.ts';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { decodeBundle } from './message/bundle.ts';
import { decodeRelationship, encodeRelationship } from './message/federation.ts';
import { parseTrustDomainName } from './message/ids.ts';
import { pageOf } from './message/page.ts';
import { OK } from './status.ts';

/** `spire.api.server.trustdomain.v1.TrustDomain`: federation relationships, the same as Federation documents. */
export function trustDomainService(gate: Gate): ServiceBinding<SpireCaller> {
  const { registry } = gate.state;
  const encode = (trustDomain: string, federation: FederationResource, mask?: FederationRelationshipMask) =>
    encodeRelationship(federation, registry.find<BundleResource>('Bundle', trustDomain, federation.trustDomain), mask);
  const find = (trustDomain: string, name: string, mask?: FederationRelationshipMask) => {
    const federation = registry.find<FederationResource>('Federation', trustDomain, name);
    return federation === undefined ? undefined : encode(trustDomain, federation, mask);
  };
  const results = (
    { trustDomain }: Admitted,
    relationships: readonly FederationRelationship[],
    statuses: readonly Status[],
    mask?: FederationRelationshipMask,
  ) =>
    statuses.map((status, index) => ({
      status,
      federationRelationship:
        status.code === OK.code
          ? find(trustDomain, parseTrustDomainName(relationships[index]?.trustDomain ?? '', 'trust domain'), mask)
          : undefined,
    }));
  return bindSpire(gate, TrustDomainDefinition, {
    listFederationRelationships: async ({ outputMask, pageSize, pageToken }, { caller: { trustDomain } }) => {
      const all = registry.list<FederationResource>('Federation', trustDomain);
      const ordered = all.toSorted((a, b) => (a.key < b.key ? -1 : 1));
      const { items, next } = pageOf(ordered, { size: pageSize, token: pageToken, keyOf: ({ key }) => key });
      return {
        federationRelationships: items.map(({ body }) => encode(trustDomain, body, outputMask)),
        nextPageToken: next,
      };
    },
    getFederationRelationship: async ({ trustDomain: text, outputMask }, { caller: { trustDomain } }) => {
      const found = find(trustDomain, parseTrustDomainName(text, 'trust domain'), outputMask);
      if (found === undefined) throw new Fault('NOT_FOUND', 'federation relationship does not exist');
      return found;
    },
    batchCreateFederationRelationship: async ({ federationRelationships, outputMask }, { caller }) => {
      const statuses = await writeBatch(gate, caller, federationRelationships, (draft, message) => {
        const asked = decodeRelationship(message);
        const federation = parseFederation(caller.trustDomain, asked.trustDomain, asked);
        if (present(draft, caller, federation.trustDomain) !== undefined)
          throw new Fault('ALREADY_EXISTS', 'federation relationship already exists');
        put(draft, caller, federation, message);
      });
      return { results: results(caller, federationRelationships, statuses, outputMask) };
    },
    batchUpdateFederationRelationship: async ({ federationRelationships, inputMask, outputMask }, { caller }) => {
      const statuses = await writeBatch(gate, caller, federationRelationships, (draft, message) => {
        const base = present(draft, caller, parseTrustDomainName(message.trustDomain, 'trust domain'));
        if (base === undefined) throw new Fault('NOT_FOUND', 'federation relationship does not exist');
        const mask = inputMask === undefined ? {} : { mask: inputMask };
        put(draft, caller, decodeRelationship(message, { base, ...mask }), message, inputMask);
      });
      return { results: results(caller, federationRelationships, statuses, outputMask) };
    },
    batchDeleteFederationRelationship: async ({ trustDomains }, { caller }) => {
      const statuses = await writeBatch(gate, caller, trustDomains, (draft, text) => {
        const name = parseTrustDomainName(text, 'trust domain');
        if (present(draft, caller, name) === undefined)
          throw new Fault('NOT_FOUND', 'federation relationship does not exist');
        draft.add(caller.trustDomain, { kind: 'Federation', key: name, body: null });
      });
      return { results: trustDomains.map((trustDomain, index) => ({ trustDomain, status: statuses[index] })) };
    },
    refreshBundle: async ({ trustDomain: text }, { caller: { trustDomain } }) => {
      const name = parseTrustDomainName(text, 'trust domain');
      if (registry.find('Federation', trustDomain, name) === undefined)
        throw new Fault('NOT_FOUND', 'no relationship with this trust domain');
      await gate.refreshBundle(trustDomain, name);
      return {};
    },
  });
}

function present(draft: Draft, { trustDomain }: Admitted, name: string): FederationResource | undefined {
  return draft.find<FederationResource>('Federation', trustDomain, name);
}

function put(
  draft: Draft,
  { trustDomain }: Admitted,
  federation: FederationResource,
  { trustDomainBundle }: FederationRelationship,
  mask?: FederationRelationshipMask,
): void {
  const given = trustDomainBundle === undefined || mask?.trustDomainBundle === false ? undefined : trustDomainBundle;
  const bundle = given === undefined ? undefined : decodeBundle(given);
  if (bundle !== undefined && bundle.trustDomain !== federation.trustDomain)
    throw new Fault('ARGUMENT_INVALID', 'the bundle is of another trust domain than the relationship');
  draft.add(trustDomain, { kind: 'Federation', key: federation.trustDomain, body: federation });
  if (bundle !== undefined) draft.add(trustDomain, { kind: 'Bundle', key: federation.trustDomain, body: bundle });
}
