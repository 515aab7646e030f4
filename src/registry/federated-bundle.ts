import { Fault } from '#kernel';
import { isTrustDomain } from '#spiffe';
import { type BundleResource, type EntryResource, isOlderSequence } from '#wire';
import type { Draft } from './draft.ts';
import type { Registry } from './registry.ts';

/** What becomes of entries that federate with a trust domain whose bundle is removed (SPIRE's modes). */
export type BundleRemoval = 'restrict' | 'dissociate' | 'delete';

/** Sets another trust domain's bundle by an operator's hand: whatever was known of it is replaced. Throws `ARGUMENT_INVALID`. */
export function setFederatedBundle(draft: Draft, trustDomain: string, bundle: BundleResource): void {
  const { trustDomain: key } = bundle;
  if (key === trustDomain || !isTrustDomain(key))
    throw new Fault('ARGUMENT_INVALID', 'a federated bundle is of another trust domain');
  draft.add(trustDomain, { kind: 'Bundle', key, body: bundle });
}

/**
 * Takes over a bundle that was fetched from its endpoint. Throws `FEDERATION_BUNDLE_STALE` for one that is older than what is known: an old
 * bundle would bring back authorities that were revoked. An operator may still set it by hand.
 */
export function takeFetchedBundle(draft: Draft, trustDomain: string, bundle: BundleResource): void {
  const known = draft.find<BundleResource>('Bundle', trustDomain, bundle.trustDomain);
  if (known !== undefined && isOlderSequence(bundle.sequence, known.sequence))
    throw new Fault('FEDERATION_BUNDLE_STALE', 'the bundle is older than the one that is known', {
      details: { sequence: bundle.sequence, known: known.sequence },
    });
  setFederatedBundle(draft, trustDomain, bundle);
}

/** Throws `NOT_FOUND`, and in mode `restrict` `FEDERATION_IN_USE` where entries federate with it. */
export function removeFederatedBundle(
  registry: Registry,
  draft: Draft,
  trustDomain: string,
  key: string,
  mode: BundleRemoval,
): void {
  if (key === trustDomain) throw new Fault('ARGUMENT_INVALID', 'a federated bundle is of another trust domain');
  const users = registry.filterEntries(trustDomain, { federatesWith: { values: [key], match: 'superset' } });
  if (mode === 'restrict' && users.length > 0)
    throw new Fault('FEDERATION_IN_USE', 'entries federate with this trust domain', {
      details: { entries: users.length },
    });
  draft.add(trustDomain, { kind: 'Bundle', key, body: null });
  for (const { body } of users) {
    const kept = mode === 'delete' ? null : withoutFederation(body, key);
    draft.add(trustDomain, { kind: 'Entry', key: body.id, body: kept });
  }
}

function withoutFederation(entry: EntryResource, trustDomain: string): EntryResource {
  return { ...entry, federatesWith: (entry.federatesWith ?? []).filter((name) => name !== trustDomain) };
}
