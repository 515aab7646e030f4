import type { AppendedAuthority } from '#authority';
import { Fault } from '#kernel';
import type { Draft } from '#registry';
import type { ServiceBinding } from '#rpc';
import type { BundleResource, EntryResource } from '#wire';
import { BundleDefinition, BatchDeleteFederatedBundleRequest_Mode as Mode } from '#wire/gen/spire/api/server/bundle';
import type { Bundle, BundleMask, JWTKey, Status, X509Certificate } from '#wire/gen/spire/api/types';
import { bodyBytes } from '../body-json.ts';
import { writeBatch } from './batch.ts';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { federatedBundles } from './federated-bundles.ts';
import { decodeBundle, encodeBundle, encodeKey, parseAuthority, parseKey } from './message/bundle.ts';
import { parseTrustDomainName } from './message/ids.ts';
import { pageOf } from './message/page.ts';
import { OK } from './status.ts';

/** `spire.api.server.bundle.v1.Bundle`: the own bundle, and those of the trust domains that the own one federates with. */
export function bundleService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state } = gate;
  const { registry } = state;
  const find = (trustDomain: string, name: string): BundleResource | undefined =>
    federatedBundles(registry, trustDomain).find((bundle) => bundle.trustDomain === name);
  const results = (trustDomain: string, bundles: readonly Bundle[], statuses: readonly Status[], mask?: BundleMask) =>
    statuses.map((status, index) => {
      const name = bundles[index]?.trustDomain ?? '';
      const bundle =
        status.code === OK.code ? find(trustDomain, parseTrustDomainName(name, 'trust domain')) : undefined;
      return { status, bundle: bundle === undefined ? undefined : encodeBundle(bundle, mask) };
    });
  return bindSpire(gate, BundleDefinition, {
    countBundles: async (_, { caller: { trustDomain } }) => ({
      count: 1 + federatedBundles(registry, trustDomain).length,
    }),
    getBundle: async ({ outputMask }, { caller: { trustDomain } }) =>
      encodeBundle(state.trustDomain(trustDomain).bundle(), outputMask),
    appendBundle: async ({ x509Authorities, jwtAuthorities, witAuthorities, outputMask }, { caller }) => {
      await append(gate, caller, [
        ...x509Authorities.map(appendedCa),
        ...jwtAuthorities.map((key) => appendedKey('jwt', key)),
        ...witAuthorities.map((key) => appendedKey('wit', key)),
      ]);
      return encodeBundle(state.trustDomain(caller.trustDomain).bundle(), outputMask);
    },
    publishJWTAuthority: async ({ jwtAuthority }, { caller }) => {
      if (jwtAuthority === undefined) throw new Fault('ARGUMENT_INVALID', 'missing JWT authority');
      await append(gate, caller, [appendedKey('jwt', jwtAuthority)]);
      return { jwtAuthorities: (state.trustDomain(caller.trustDomain).bundle().jwtAuthorities ?? []).map(encodeKey) };
    },
    publishWITAuthority: async ({ witAuthority }, { caller }) => {
      if (witAuthority === undefined) throw new Fault('ARGUMENT_INVALID', 'missing WIT authority');
      await append(gate, caller, [appendedKey('wit', witAuthority)]);
      return { witAuthorities: (state.trustDomain(caller.trustDomain).bundle().witAuthorities ?? []).map(encodeKey) };
    },
    listFederatedBundles: async ({ outputMask, pageSize, pageToken }, { caller: { trustDomain } }) => {
      const all = federatedBundles(registry, trustDomain);
      const { items, next } = pageOf(all, {
        size: pageSize,
        token: pageToken,
        keyOf: (bundle) => bundle.trustDomain,
        bytesOf: bodyBytes,
      });
      return { bundles: items.map((bundle) => encodeBundle(bundle, outputMask)), nextPageToken: next };
    },
    getFederatedBundle: async ({ trustDomain: text, outputMask }, { caller: { trustDomain } }) => {
      const name = parseTrustDomainName(text, 'trust domain');
      if (name === trustDomain)
        throw new Fault(
          'ARGUMENT_INVALID',
          "getting a federated bundle for the server's own trust domain is not allowed",
        );
      const bundle = find(trustDomain, name);
      if (bundle === undefined) throw new Fault('NOT_FOUND', 'bundle not found');
      return encodeBundle(bundle, outputMask);
    },
    batchCreateFederatedBundle: async ({ bundle: bundles, outputMask }, { caller }) => {
      const statuses = await writeBatch(gate, caller, bundles, (draft, message) => {
        const bundle = foreign(caller, decodeBundle(message));
        if (present(draft, caller, bundle.trustDomain) !== undefined)
          throw new Fault('ALREADY_EXISTS', 'bundle already exists');
        set(draft, caller, bundle);
      });
      return { results: results(caller.trustDomain, bundles, statuses, outputMask) };
    },
    batchUpdateFederatedBundle: async ({ bundle: bundles, inputMask, outputMask }, { caller }) => {
      const statuses = await writeBatch(gate, caller, bundles, (draft, message) => {
        const base = present(draft, caller, parseTrustDomainName(message.trustDomain, 'trust domain'));
        if (base === undefined) throw new Fault('NOT_FOUND', 'bundle not found');
        const mask = inputMask === undefined ? {} : { mask: inputMask };
        set(draft, caller, foreign(caller, decodeBundle(message, { base, ...mask })));
      });
      return { results: results(caller.trustDomain, bundles, statuses, outputMask) };
    },
    batchSetFederatedBundle: async ({ bundle: bundles, outputMask }, { caller }) => {
      const statuses = await writeBatch(gate, caller, bundles, (draft, message) =>
        set(draft, caller, foreign(caller, decodeBundle(message))),
      );
      return { results: results(caller.trustDomain, bundles, statuses, outputMask) };
    },
    batchDeleteFederatedBundle: async ({ trustDomains, mode }, { caller }) => {
      const statuses = await writeBatch(gate, caller, trustDomains, (draft, text) => {
        const name = parseTrustDomainName(text, 'trust domain');
        if (name === caller.trustDomain) throw new Fault('ARGUMENT_INVALID', 'removing the own bundle is not allowed');
        if (present(draft, caller, name) === undefined) throw new Fault('NOT_FOUND', 'bundle not found');
        release(gate, draft, caller, { name, mode });
        draft.add(caller.trustDomain, { kind: 'Bundle', key: name, body: null });
      });
      return { results: trustDomains.map((trustDomain, index) => ({ trustDomain, status: statuses[index] })) };
    },
  });
}

function present(draft: Draft, { trustDomain }: Admitted, name: string): BundleResource | undefined {
  return draft.find<BundleResource>('Bundle', trustDomain, name);
}

function set(draft: Draft, { trustDomain }: Admitted, bundle: BundleResource): void {
  draft.add(trustDomain, { kind: 'Bundle', key: bundle.trustDomain, body: bundle });
}

/** The own bundle is the authority's alone. */
function foreign({ trustDomain }: Admitted, bundle: BundleResource): BundleResource {
  if (bundle.trustDomain === trustDomain)
    throw new Fault('ARGUMENT_INVALID', "the bundle of the server's own trust domain is not set here");
  return bundle;
}

/** What becomes of the entries that federate with a trust domain whose bundle goes. */
function release(
  { state: { registry } }: Gate,
  draft: Draft,
  { trustDomain }: Admitted,
  { name, mode }: { readonly name: string; readonly mode: Mode },
): void {
  const using = registry.filterEntries(trustDomain, { federatesWith: { values: [name], match: 'any' } });
  if (using.length === 0) return;
  if (mode === Mode.RESTRICT)
    throw new Fault('FEDERATION_IN_USE', `bundle is in use by ${using.length} registration entries`);
  for (const { body } of using)
    draft.add(trustDomain, {
      kind: 'Entry',
      key: body.id,
      body: mode === Mode.DELETE ? null : without(body, name),
    });
}

function without(entry: EntryResource, name: string): EntryResource {
  return { ...entry, federatesWith: (entry.federatesWith ?? []).filter((one) => one !== name) };
}

/** Authorities that others sign with, into the own bundle; each leaves a receipt. */
async function append(
  { state }: Gate,
  { trustDomain, by }: Admitted,
  authorities: readonly AppendedAuthority[],
): Promise<void> {
  if (authorities.length === 0) return;
  await state.trustDomain(trustDomain).authority.append(authorities);
  const common = {
    kind: 'registry',
    trustDomain,
    effect: 'allow',
    code: 'ALLOWED',
    action: 'authority:append',
  } as const;
  const noted = authorities.map(({ kind, id }) => ({ ...common, resource: `${kind} ${id}`, proof: by }));
  await state.recorder.note(...noted);
}

function appendedCa(message: X509Certificate): AppendedAuthority {
  const { id, text, notAfter, tainted } = parseAuthority(message);
  return { kind: 'x509', id, content: text, notAfter, tainted };
}

function appendedKey(kind: 'jwt' | 'wit', message: JWTKey): AppendedAuthority {
  const { kid, publicKey, notAfter, tainted = false } = parseKey(message);
  const known = notAfter === undefined ? {} : { notAfter: notAfter * 1000 };
  return { kind, id: kid, content: publicKey, tainted, ...known };
}
