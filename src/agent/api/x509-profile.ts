import type { PeerCredentials } from '#rpc';
import { type BundleResource, type Handlers, shared } from '#wire';
import type { SpiffeWorkloadAPIDefinition, X509SVIDResponse } from '#wire/gen/workloadapi';
import { allBundles, type Bundles, federatedBundles, x509Authorities } from '../bundles.ts';
import type { AgentNode } from '../node.ts';
import { type X509Identity, x509Identities } from '../x509-identities.ts';
import { uniqueHints } from './hints.ts';
import { SharedAnswers } from './shared-answers.ts';
import { stated } from './stated.ts';

type X509Identities = readonly [X509Identity, ...X509Identity[]];
type X509Methods = Pick<
  Handlers<typeof SpiffeWorkloadAPIDefinition, PeerCredentials>,
  'fetchX509SVID' | 'fetchX509Bundles'
>;

/** Workload API §5: X509-SVIDs and bundles, as streams of whole states. */
export function x509Profile(node: AgentNode): X509Methods {
  const { clock } = node.options;
  const answers = new SharedAnswers<{ message: X509SVIDResponse; fingerprint: string }>();
  return {
    fetchX509SVID: (_request, context) =>
      stated(node, context, async (entitled) => {
        const { identities, renewAt } = await x509Identities(entitled, clock.now());
        node.handouts.note(context.caller, 'x509-svid:fetch', identities);
        const federated = federatedBundles(entitled);
        const answer = answers.of(partsOf(identities, federated), () => ({
          message: shared(x509SvidResponse(identities, federated)),
          fingerprint: identitiesText(identities) + bundlesText(federated),
        }));
        return { ...answer, due: renewAt, holds: identities };
      }),
    fetchX509Bundles: (_request, context) =>
      stated(node, context, (entitled) => {
        const bundles = allBundles(entitled);
        return { message: { crl: [], bundles: derById(bundles) }, fingerprint: bundlesText(bundles) };
      }),
  };
}

/** All that an answer is made of. Callers with the same identities get the same bytes. */
function partsOf([first, ...others]: X509Identities, federated: Bundles): readonly [object, ...object[]] {
  const parts = ({ issued, entry, membership }: X509Identity) =>
    [issued, entry, membership, membership.ownBundle()] as const;
  return [...parts(first), ...others.flatMap(parts), ...federated.values()];
}

/** §5.2.1: the whole state. */
function x509SvidResponse(identities: X509Identities, federated: Bundles): X509SVIDResponse {
  const hintOf = uniqueHints();
  const svids = identities.map(({ membership, entry, chainDer, keyDer }) => ({
    spiffeId: entry.spiffeId,
    x509Svid: chainDer,
    x509SvidKey: keyDer,
    bundle: derOf(membership.ownBundle()),
    hint: hintOf(entry.hint),
  }));
  return { svids, crl: [], federatedBundles: derById(federated) };
}

function derById(bundles: Bundles): Record<string, Buffer> {
  return Object.fromEntries([...bundles].map(([name, bundle]) => [`spiffe://${name}`, derOf(bundle)]));
}

function derOf(bundle: BundleResource): Buffer {
  return Buffer.concat(x509Authorities(bundle));
}

function identitiesText(identities: readonly X509Identity[]): string {
  return identities
    .map(({ chainDer, entry, membership }) =>
      JSON.stringify([chainDer.toString('base64'), entry.hint, membership.ownBundle().x509Authorities]),
    )
    .join('\n');
}

function bundlesText(bundles: Bundles): string {
  return JSON.stringify([...bundles].map(([name, { x509Authorities }]) => [name, x509Authorities]));
}
