import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { BundleDefinition, BatchDeleteFederatedBundleRequest_Mode as Mode } from '#wire/gen/spire/api/server/bundle';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import { type Bundle, BundleMask, Entry, FederationRelationship } from '#wire/gen/spire/api/types';
import { spiffeId, withSpire } from './spire.harness.ts';

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;
const codes = (results: readonly { readonly status: { readonly code: number } | undefined }[]) =>
  results.map(({ status }) => status?.code);
const NO_MASK = BundleMask.decode(new Uint8Array());

function foreign(own: Bundle, trustDomain: string): Bundle {
  return { ...own, trustDomain, sequenceNumber: 7n, refreshHint: 60n };
}

test('bundles of others are created once, updated by mask, set, listed and got; the own one is not among them', () =>
  withSpire(async (spire) => {
    const client = spire.local(BundleDefinition);
    const own = await client.getBundle({ outputMask: undefined });
    const other = foreign(own, 'partner.example');
    const bad = { ...other, x509Authorities: [{ asn1: Buffer.from('junk'), tainted: false }] };
    const bundle = [other, other, own, { ...other, trustDomain: 'A' }, { ...bad, trustDomain: 'x' }];
    const created = await client.batchCreateFederatedBundle({ bundle, outputMask: undefined });
    assert.deepEqual(codes(created.results), [0, 6, 3, 3, 3]);
    const updated = await client.batchUpdateFederatedBundle({
      bundle: [{ ...other, refreshHint: 90n, sequenceNumber: 1n }, foreign(own, 'unknown')],
      inputMask: { ...NO_MASK, refreshHint: true },
      outputMask: undefined,
    });
    assert.deepEqual(codes(updated.results), [0, 5]);
    assert.deepEqual(updated.results[0]?.bundle, { ...other, refreshHint: 90n });
    const set = await client.batchSetFederatedBundle({ bundle: [foreign(own, 'z'), other], outputMask: undefined });
    assert.deepEqual(codes(set.results), [0, 0]);
    // SPIRE's command line names a trust domain by an id of it.
    const named = [foreign(own, 'spiffe://z'), foreign(own, 'spiffe://z/path'), foreign(own, 'spiffe://z//path')];
    const { results } = await client.batchSetFederatedBundle({ bundle: named, outputMask: undefined });
    assert.deepEqual(codes(results), [0, 0, 3]);
    assert.deepEqual(
      results.map((one) => one.bundle?.trustDomain),
      ['z', 'z', undefined],
    );
    const first = await client.listFederatedBundles({ outputMask: NO_MASK, pageSize: 1, pageToken: '' });
    const rest = await client.listFederatedBundles({
      outputMask: NO_MASK,
      pageSize: 1,
      pageToken: first.nextPageToken,
    });
    assert.deepEqual(
      [...first.bundles, ...rest.bundles].map(({ trustDomain }) => trustDomain),
      ['partner.example', 'z'],
    );
    assert.deepEqual(await client.countBundles({}), { count: 3 });
    const get = (trustDomain: string) => client.getFederatedBundle({ trustDomain, outputMask: undefined });
    assert.equal((await get('spiffe://partner.example')).sequenceNumber, 7n);
    await assert.rejects(get('bank-a'), code('ARGUMENT_INVALID'));
    await assert.rejects(get('unknown'), code('NOT_FOUND'));
  }));

for (const [mode, left] of [
  [Mode.RESTRICT, 'refused'],
  [Mode.DISSOCIATE, 'kept without it'],
  [Mode.DELETE, 'deleted'],
] as const)
  test(`an entry that federates with a bundle that goes (mode ${mode}) is ${left}`, () =>
    withSpire(async (spire) => {
      const client = spire.local(BundleDefinition);
      const own = await client.getBundle({ outputMask: undefined });
      await client.batchSetFederatedBundle({ bundle: [foreign(own, 'partner.example')], outputMask: undefined });
      const entries = spire.local(EntryDefinition);
      const entry = {
        ...Entry.decode(new Uint8Array()),
        id: 'web',
        spiffeId: spiffeId('/web'),
        parentId: spiffeId('/node/one'),
        selectors: [{ type: 'unix', value: 'uid:1' }],
        federatesWith: ['partner.example'],
      };
      assert.deepEqual(
        codes((await entries.batchCreateEntry({ entries: [entry], outputMask: undefined })).results),
        [0],
      );
      const { results } = await client.batchDeleteFederatedBundle({
        trustDomains: ['partner.example', 'unknown', 'bank-a'],
        mode,
      });
      assert.deepEqual(codes(results), [mode === Mode.RESTRICT ? 9 : 0, 5, 3]);
      const { entries: listed } = await entries.listEntries({
        filter: undefined,
        outputMask: undefined,
        pageSize: 0,
        pageToken: '',
      });
      const federatesWith = listed.map((one) => one.federatesWith);
      assert.deepEqual(federatesWith, { refused: [['partner.example']], 'kept without it': [[]], deleted: [] }[left]);
    }));

test('federation relationships are the registry’s own: created once, updated, listed, deleted', () =>
  withSpire(async (spire) => {
    const client = spire.local(TrustDomainDefinition);
    const own = await spire.local(BundleDefinition).getBundle({ outputMask: undefined });
    const empty = FederationRelationship.decode(new Uint8Array());
    const web = {
      ...empty,
      trustDomain: 'partner.example',
      bundleEndpointUrl: 'https://partner.example/',
      httpsWeb: {},
    };
    const spiffe = {
      ...empty,
      trustDomain: 'other.example',
      bundleEndpointUrl: 'https://other.example:8443/',
      httpsSpiffe: { endpointSpiffeId: 'spiffe://other.example/spire/server' },
      trustDomainBundle: foreign(own, 'other.example'),
    };
    const created = await client.batchCreateFederationRelationship({
      federationRelationships: [
        web,
        web,
        spiffe,
        { ...web, trustDomain: 'x', bundleEndpointUrl: 'http://x/' },
        { ...web, bundleEndpointUrl: 'http://partner.example/' },
        { ...web, trustDomain: 'x', httpsWeb: undefined },
        { ...web, trustDomain: 'bank-a' },
        { ...web, trustDomain: 'x', trustDomainBundle: foreign(own, 'y') },
      ],
      outputMask: undefined,
    });
    assert.deepEqual(codes(created.results), [0, 6, 0, 3, 3, 3, 3, 3]);
    assert.equal(created.results[2]?.federationRelationship?.trustDomainBundle?.sequenceNumber, 7n);
    const mask = { bundleEndpointUrl: true, bundleEndpointProfile: false, trustDomainBundle: false };
    const updated = await client.batchUpdateFederationRelationship({
      federationRelationships: [
        { ...empty, trustDomain: 'other.example', bundleEndpointUrl: 'https://new.example/' },
        { ...web, trustDomain: 'y' },
      ],
      inputMask: mask,
      outputMask: undefined,
    });
    assert.deepEqual(codes(updated.results), [0, 5]);
    const stored = await client.getFederationRelationship({ trustDomain: 'other.example', outputMask: undefined });
    assert.equal(stored.bundleEndpointUrl, 'https://new.example/');
    assert.deepEqual(stored.httpsSpiffe, spiffe.httpsSpiffe);
    const { federationRelationships } = await client.listFederationRelationships({
      outputMask: mask,
      pageSize: 0,
      pageToken: '',
    });
    assert.deepEqual(
      federationRelationships.map(({ trustDomain, httpsWeb }) => [trustDomain, httpsWeb]),
      [
        ['other.example', undefined],
        ['partner.example', undefined],
      ],
    );
    const deleted = await client.batchDeleteFederationRelationship({
      trustDomains: ['partner.example', 'partner.example'],
    });
    assert.deepEqual(codes(deleted.results), [0, 5]);
    await assert.rejects(client.refreshBundle({ trustDomain: 'unknown' }), code('NOT_FOUND'));
  }));
