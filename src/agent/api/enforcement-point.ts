import { Fault } from '#kernel';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import type { ResourceKind } from '#wire';
import { EnforcementPointDefinition, type ResourceUpdate } from '#wire/gen/hauberk_workload';
import type { Membership } from '../membership.ts';
import { type AgentNode, type Entitlement, stampReceipts } from '../node.ts';
import { changes } from './changes.ts';
import { assertSecurityHeader } from './security-header.ts';

/** What a workload enforces in its own trust domains, and what it needs to know of those that its entries federate with. */
const OWN: readonly ResourceKind[] = [
  'TrustDomain',
  'Bundle',
  'Service',
  'Minter',
  'AuthorizationPolicy',
  'CedarPolicy',
  'Revocation',
];
const FEDERATED: readonly ResourceKind[] = ['TrustDomain', 'Service', 'Minter', 'Revocation'];

/** `hauberk.workload.v1.EnforcementPoint`. */
export function enforcementPoint(node: AgentNode): ServiceBinding<PeerCredentials> {
  return bindService<typeof EnforcementPointDefinition, PeerCredentials>(EnforcementPointDefinition, {
    watch: async function* (requests, context) {
      assertSecurityHeader(context);
      void drain(requests);
      const sent = new Map<string, string>();
      for await (const _ of changes(node, node.options.clock, () => undefined, context.signal)) {
        const entitled = await node.entitled(context.caller);
        const caller = entitled.map(({ entry }) => entry.spiffeId);
        for (const update of updates(node, entitled)) {
          const text = update.upserts.map(({ kind, key, bodyJson }) => `${kind} ${key} ${bodyJson}`).join('\n');
          if (sent.get(update.trustDomain) === text) continue;
          sent.set(update.trustDomain, text);
          yield { caller, update };
        }
      }
    },
    reportReceipts: async ({ receiptsJson }, context) => {
      assertSecurityHeader(context);
      const entitled = await node.entitled(context.caller);
      const via = entitled.map(({ entry }) => entry.spiffeId);
      node.receipts.add(
        stampReceipts(
          receiptsJson,
          via,
          entitled.map(({ membership }) => membership.name),
        ),
      );
      return { accepted: receiptsJson.length };
    },
    registerMinter: async (request, context) => {
      assertSecurityHeader(context);
      const [first] = await node.entitled(context.caller);
      if (first === undefined) throw new Fault('IDENTITY_NO_ENTRY', 'no registration entry matches this process');
      return { minterJson: await first.membership.registerMinter(first.entry.id, request) };
    },
  });
}

/** A full update for each trust domain that concerns the caller. */
function updates(node: AgentNode, entitled: readonly Entitlement[]): readonly ResourceUpdate[] {
  const kinds = new Map<Membership, readonly ResourceKind[]>();
  for (const { entry } of entitled) {
    for (const name of entry.federatesWith ?? []) {
      const membership = node.options.memberships.find((one) => one.name === name);
      if (membership !== undefined) kinds.set(membership, FEDERATED);
    }
  }
  for (const { membership } of entitled) kinds.set(membership, OWN);
  return [...kinds].map(([membership, wanted]) => ({
    trustDomain: membership.name,
    revision: membership.resources.revision,
    full: true,
    upserts: membership.resources.select(wanted).map(({ kind, key, json }) => ({ kind, key, bodyJson: json })),
    removals: [],
  }));
}

/** Acknowledgements are read so that the stream does not stall; they are not kept yet. */
async function drain(requests: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of requests);
  } catch {
    // The stream has ended; its other half notices too.
  }
}
