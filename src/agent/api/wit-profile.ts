import type { PeerCredentials } from '#rpc';
import type { Handlers } from '#wire';
import type { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { allBundles } from '../bundles.ts';
import { issuedForAll } from '../issued-for-all.ts';
import type { AgentNode } from '../node.ts';
import { tokenJwks, witBundleOf } from '../token-bundles.ts';
import { uniqueHints } from './hints.ts';
import { ofId } from './jwt-profile.ts';
import { stated } from './stated.ts';

type WitMethods = Pick<
  Handlers<typeof SpiffeWorkloadAPIDefinition, PeerCredentials>,
  'fetchWITSVID' | 'fetchWITBundles'
>;

/** The WIT profile of the Workload API: tokens bound to a key, and the bundles that verify them, as streams of whole states. */
export function witProfile(node: AgentNode): WitMethods {
  const { clock } = node.options;
  return {
    fetchWITSVID: ({ spiffeId }, context) =>
      stated(node, context, async (entitled) => {
        const { identities, renewAt } = await issuedForAll(
          ofId(entitled, spiffeId),
          clock.now(),
          ({ membership, entry }) => membership.witSvid(entry),
        );
        node.handouts.note(context.caller, 'wit-svid:fetch', identities);
        const hintOf = uniqueHints();
        const svids = identities.map(({ entry, token, keyJwk }) => ({
          spiffeId: entry.spiffeId,
          witSvid: token,
          witSvidKey: keyJwk,
          hint: hintOf(entry.hint),
        }));
        const fingerprint = JSON.stringify(svids.map(({ witSvid, hint }) => [witSvid, hint]));
        return { message: { svids }, fingerprint, due: renewAt, holds: identities };
      }),
    fetchWITBundles: (_request, context) =>
      stated(node, context, (entitled) => {
        const bundles = tokenJwks(allBundles(entitled), witBundleOf);
        return { message: { bundles }, fingerprint: JSON.stringify(bundles) };
      }),
  };
}
