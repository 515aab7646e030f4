import { Fault, faultCode } from '#kernel';
import { bindService, type PeerCredentials, QUESTION, type ServiceBinding } from '#rpc';
import { type Handlers, partsOf, type WholeUpdate } from '#wire';
import {
  EnforcementPointDefinition,
  type RegisterMinterRequest,
  type ResourceUpdate,
  type WatchRequest,
} from '#wire/gen/hauberk_workload';
import type { Entitlement } from '../entitlement.ts';
import type { AgentNode } from '../node.ts';
import { stampReceipts } from '../receipt.ts';
import { changes, ofEnforcement } from './changes.ts';
import { assertSecurityHeader } from './security-header.ts';
import { Watched } from './watched.ts';

/** `hauberk.workload.v1.EnforcementPoint`. */
export function enforcementPoint(node: AgentNode): ServiceBinding<PeerCredentials> {
  const handlers: Handlers<typeof EnforcementPointDefinition, PeerCredentials> = {
    watch: async function* (requests, context) {
      const watched = new Watched(node);
      const takesParts = takeRequests(requests, watched, () => node.pointsChanged());
      node.points.add(watched);
      const isConcerned = ofEnforcement(node, context.caller);
      try {
        for await (const _ of changes(node, node.options.clock, () => undefined, context.signal, isConcerned)) {
          const updates = watched.next(await node.entitled(context.caller));
          node.pointsChanged();
          const caller = [...watched.caller];
          for (const update of updates)
            for await (const part of inMessages(update, takesParts)) yield { caller, update: part };
        }
      } finally {
        node.points.delete(watched);
        node.pointsChanged();
      }
    },
    reportReceipts: async ({ receiptsJson }, context) => {
      const entitled = await node.entitled(context.caller);
      const via = entitled.map(({ entry }) => entry.spiffeId);
      const trustDomains = entitled.map(({ membership }) => membership.name);
      node.receipts.add(stampReceipts(receiptsJson, via, trustDomains));
      return { accepted: receiptsJson.length };
    },
    registerMinter: async (request, context) => {
      return { minterJson: await registerMinter(await node.entitled(context.caller), request) };
    },
  };
  return bindService(EnforcementPointDefinition, handlers, assertSecurityHeader, {
    // Receipts come as many as a message holds.
    methodLimits: { watch: QUESTION, registerMinter: QUESTION },
  });
}

/** As the first of the caller's identities that the trust domain lets mint. Throws what the server says: `MINTER_NOT_AUTHORIZED`, … */
async function registerMinter(entitled: readonly Entitlement[], request: RegisterMinterRequest): Promise<string> {
  let refusal = new Fault('MINTER_NOT_AUTHORIZED', 'this workload may not register a minter for the trust domain');
  for (const { membership, entry } of entitled) {
    try {
      return await membership.registerMinter(entry.id, request);
    } catch (error) {
      if (!(error instanceof Fault) || faultCode(error) !== 'MINTER_NOT_AUTHORIZED') throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/** An update as who asked for it takes it, which is asked only of one that does not fit a message. Throws as `partsOf` does. */
async function* inMessages(update: WholeUpdate, takesParts: Promise<boolean>): AsyncGenerator<ResourceUpdate> {
  const [first] = partsOf(update);
  if (first?.more === true && (await takesParts)) yield* partsOf(update);
  else yield { ...update, more: false };
}

/**
 * Keeps what the enforcement point says it has applied; reads on, so that the stream does not stall. Says when the first request has come whether
 * it takes updates in parts.
 */
function takeRequests(requests: AsyncIterable<WatchRequest>, watched: Watched, taken: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    void takeAcknowledgements(requests, watched, { taken, begun: ({ takesParts }) => resolve(takesParts) }).finally(
      () => resolve(false),
    );
  });
}

async function takeAcknowledgements(
  requests: AsyncIterable<WatchRequest>,
  watched: Watched,
  on: { readonly taken: () => void; readonly begun: (request: WatchRequest) => void },
): Promise<void> {
  try {
    for await (const request of requests) {
      // Later ones change nothing.
      on.begun(request);
      const { acknowledge } = request;
      if (acknowledge === undefined) continue;
      watched.acknowledge(acknowledge.trustDomain, acknowledge.revision);
      on.taken();
    }
  } catch {
    // The stream has ended; its other half notices too.
  }
}
