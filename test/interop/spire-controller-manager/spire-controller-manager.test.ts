// The stock spire-controller-manager, unmodified, against our server.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import { Entry } from '#wire/gen/spire/api/types';
import { type Spire, spiffeId, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { skipWithout, until } from '../spire/stock.ts';
import { entriesOf, type FileManager, manifest, withFiles, withKube } from './manager.ts';

const skip = skipWithout('spire-controller-manager');
const PREFIX = { entryIDPrefix: 'mine' };

const statics = (name: string, path: string, more: object = {}) =>
  manifest('ClusterStaticEntry', name, {
    spiffeID: `spiffe://bank-a${path}`,
    parentID: 'spiffe://bank-a/node/one',
    selectors: ['unix:uid:1', `unix:path:/${name}`],
    ...more,
  });

const put = ({ manifests }: FileManager, name: string, object: object): void =>
  writeFileSync(join(manifests, `${name}.yaml`), JSON.stringify(object));

const named = (path: string) => (entry: Entry) => entry.spiffeId?.path === path;

test('static manifests: entries come, change in every field, and go; entries of others stay', { skip }, () =>
  withSpire(async (spire) => {
    await others(spire);
    await withFiles(spire, PREFIX, async (manager) => {
      const full = {
        ...{ x509SVIDTTL: '90s', jwtSVIDTTL: '45s', dnsNames: ['b.local', 'a.local'], hint: 'web' },
        ...{ admin: true, downstream: true, storeSVID: true, federatesWith: ['bank-b'] },
      };
      put(manager, 'web', statics('web', '/web', full));
      put(manager, 'bad', statics('bad', '/bad', { dnsNames: ['no name'] }));
      const [web] = (await manager.entries((all) => all.some(named('/web')))).filter(named('/web'));
      assert.ok(web !== undefined);
      assert.match(web.id, /^mine\./);
      assert.deepEqual(
        { ...web, id: '', revisionNumber: 0n, createdAt: 0n, dnsNames: web.dnsNames.toSorted() },
        {
          ...Entry.decode(new Uint8Array()),
          ...{ spiffeId: spiffeId('/web'), parentId: spiffeId('/node/one') },
          selectors: [
            { type: 'unix', value: 'uid:1' },
            { type: 'unix', value: 'path:/web' },
          ],
          ...{ x509SvidTtl: 90, jwtSvidTtl: 45, dnsNames: ['a.local', 'b.local'], hint: 'web' },
          ...{ admin: true, downstream: true, storeSvid: true, federatesWith: ['bank-b'] },
        },
      );
      await settled(spire, manager);

      put(manager, 'web', statics('web', '/web', { hint: 'changed' }));
      const changed = (await manager.entries((all) => all.some(({ hint }) => hint === 'changed'))).find(named('/web'));
      assert.deepEqual([changed?.id, changed?.x509SvidTtl, changed?.dnsNames], [web.id, 0, []]);

      await spire.restart();
      put(manager, 'second', statics('second', '/second'));
      await manager.entries((all) => all.some(named('/second')));
      rmSync(join(manager.manifests, 'web.yaml'));
      const left = await manager.entries((all) => !all.some(named('/web')));
      assert.deepEqual(left.map(({ spiffeId }) => spiffeId?.path).toSorted(), ['/others', '/second']);
      assert.match(manager.log(), /Failed to (create entry|render)/);
    });
  }),
);

test('static manifests: federation relationships come, change and go', { skip }, () =>
  withSpire((spire) =>
    withFiles(spire, {}, async (manager) => {
      const client = spire.local(TrustDomainDefinition);
      const all = { outputMask: undefined, pageSize: 0, pageToken: '' };
      const relationships = async () => (await client.listFederationRelationships(all)).federationRelationships;
      const partner = (bundleEndpointProfile: object) =>
        manifest('ClusterFederatedTrustDomain', 'partner', {
          ...{ trustDomain: 'partner.example', bundleEndpointURL: 'https://partner.example/bundle' },
          bundleEndpointProfile,
        });
      put(manager, 'partner', partner({ type: 'https_web' }));
      await until('the relationship', async () => (await relationships())[0]?.httpsWeb !== undefined);
      const endpointSPIFFEID = 'spiffe://partner.example/spire/server';
      put(manager, 'partner', partner({ type: 'https_spiffe', endpointSPIFFEID }));
      await until('its new profile', async () => (await relationships())[0]?.httpsSpiffe !== undefined);
      const [{ bundleEndpointUrl, httpsSpiffe } = {}] = await relationships();
      assert.deepEqual(
        [bundleEndpointUrl, httpsSpiffe?.endpointSpiffeId],
        ['https://partner.example/bundle', endpointSPIFFEID],
      );
      rmSync(join(manager.manifests, 'partner.yaml'));
      await until('its end', async () => (await relationships()).length === 0);
    }),
  ),
);

test('Kubernetes: a ClusterSPIFFEID is an entry for each of its pods, and follows pods and itself', { skip }, () =>
  withSpire(async (spire) => {
    await others(spire);
    await withKube(spire, PREFIX, async ({ kube, entries, log }) => {
      const pod = (name: string, labels: object) => ({
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', uid: `uid-${name}`, labels } },
        ...{ spec: { nodeName: 'worker', serviceAccountName: 'web', containers: [] }, status: { phase: 'Running' } },
      });
      const cluster = (more: object) =>
        manifest('ClusterSPIFFEID', 'web', {
          spiffeIDTemplate:
            'spiffe://{{ .TrustDomain }}/ns/{{ .PodMeta.Namespace }}/sa/{{ .PodSpec.ServiceAccountName }}',
          ...{ podSelector: { matchLabels: { app: 'web' } }, ...more },
        });
      kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
      kube.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker', uid: 'node-1' } });
      kube.apply(pod('web-1', { app: 'web' }));
      kube.apply(pod('other', { app: 'other' }));
      kube.apply(cluster({ hint: 'web', ttl: '90s', jwtTtl: '45s', dnsNameTemplates: ['{{ .PodMeta.Name }}.local'] }));
      const mine = (all: readonly Entry[]) => all.filter(named('/ns/shop/sa/web'));
      const [web] = mine(await entries((all) => mine(all).length === 1));
      assert.deepEqual(
        [web?.parentId?.path, web?.selectors, web?.hint, web?.x509SvidTtl, web?.jwtSvidTtl, web?.dnsNames],
        [
          '/spire/agent/k8s_psat/test/node-1',
          [{ type: 'k8s', value: 'pod-uid:uid-web-1' }],
          'web',
          90,
          45,
          ['web-1.local'],
        ],
      );
      kube.apply(pod('web-2', { app: 'web' }));
      await entries((all) => mine(all).length === 2);
      kube.apply(cluster({ hint: 'new', downstream: true, federatesWith: ['bank-b'] }));
      await entries((all) => mine(all).every(({ hint, downstream }) => hint === 'new' && downstream));
      kube.apply(statics('bad', '/bad', { dnsNames: ['no name'] }));
      kube.apply(statics('good', '/good'));
      await entries((all) => all.some(named('/good')));
      const rendered = () => Object(kube.read('ClusterStaticEntry', 'good')?.status).rendered === true;
      await until(`good is rendered: ${log()}`, async () => rendered());
      await spire.restart();
      kube.delete('Pod', 'web-1');
      await entries((all) => mine(all).length === 1);
      kube.delete('ClusterSPIFFEID', 'web');
      const left = await entries((all) => mine(all).length === 0);
      assert.deepEqual(left.map(({ spiffeId }) => spiffeId?.path).toSorted(), ['/good', '/others']);
    });
  }),
);

/** An entry that is none of the manager's. */
async function others(spire: Spire): Promise<void> {
  const entry = {
    ...Entry.decode(new Uint8Array()),
    ...{ id: 'others', spiffeId: spiffeId('/others'), parentId: spiffeId('/node/one') },
    selectors: [{ type: 'unix', value: 'uid:9' }],
  };
  await spire.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
}

/** What came back is what was asked for: the manager finds nothing to update, however often it looks. */
async function settled(spire: Spire, manager: FileManager): Promise<void> {
  const before = await entriesOf(spire);
  put(manager, 'mark', statics('mark', '/mark'));
  await manager.entries((all) => all.some(named('/mark')));
  rmSync(join(manager.manifests, 'mark.yaml'));
  const after = await manager.entries((all) => !all.some(named('/mark')));
  assert.deepEqual(after, before);
  assert.doesNotMatch(manager.log(), /Updated entry/);
}
