import type { IssuedToken } from '#authority';
import { Fault, toFault } from '#kernel';
import type { AgentRecord } from '#registry';
import type { ServiceBinding } from '#rpc';
import type { EntryResource } from '#wire';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { issueJwtSvids, issueWitSvids, issueX509Svids } from '../issuance.ts';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { issueDownstreamCa } from './downstream.ts';
import { encodeSvid } from './message/agent.ts';
import { encodeId } from './message/ids.ts';
import { mintJwtSvid, mintWitSvid, mintX509Svid } from './mint.ts';
import { itemStatus, OK } from './status.ts';

/** `spire.api.server.svid.v1.SVID`: minted for operators, issued to agents for the entries that they serve. */
export function svidService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state } = gate;
  return bindSpire(gate, SVIDDefinition, {
    mintX509SVID: async ({ csr, ttl }, { caller }) => {
      const { id, chain, notAfter } = await mintX509Svid(state, caller, { csr, ttlSeconds: ttl });
      return { svid: encodeSvid(id, chain, notAfter) };
    },
    mintJWTSVID: async (request, { caller }) => ({ svid: encodeToken(await mintJwtSvid(state, caller, request)) }),
    mintWITSVID: async (request, { caller }) => ({ svid: encodeToken(await mintWitSvid(state, caller, request)) }),
    batchNewX509SVID: async ({ params }, { caller }) => {
      await caller.take(params.length);
      const agent = agentOf(caller);
      const issued = await issueX509Svids(state, agent, params);
      return {
        results: issued.map((result) =>
          'fault' in result
            ? { status: itemStatus(asSpire(result.fault)), svid: undefined }
            : {
                status: OK,
                svid: encodeSvid(result.entry.spiffeId, result.chain, result.notAfter, result.entry.hint),
              },
        ),
      };
    },
    newJWTSVID: async ({ entryId, audience }, { caller }) => {
      if (entryId === '') throw new Fault('ARGUMENT_INVALID', 'missing entry ID');
      if (audience.length === 0) throw new Fault('ARGUMENT_INVALID', 'at least one audience is required');
      const [issued] = await issueJwtSvids(state, agentOf(caller), [{ entryId, audience }]);
      if (issued === undefined || 'fault' in issued) throw asSpire(issued?.fault ?? toFault(undefined));
      return { svid: encodeEntryToken(issued) };
    },
    batchNewWITSVID: async ({ params }, { caller }) => {
      await caller.take(params.length);
      const issued = await issueWitSvids(state, agentOf(caller), params);
      return {
        results: issued.map((result) =>
          'fault' in result
            ? { status: itemStatus(asSpire(result.fault)), svid: undefined }
            : { status: OK, svid: encodeEntryToken(result) },
        ),
      };
    },
    newDownstreamX509CA: async ({ csr, preferredTtl }, { caller }) => {
      const { chain, roots } = await issueDownstreamCa(state, caller, { csr, ttlSeconds: preferredTtl });
      return { caCertChain: [...chain], x509Authorities: [...roots] };
    },
  });
}

function encodeToken({ token, id, issuedAt, expiresAt }: { readonly id: string } & IssuedToken, hint = '') {
  return { token, id: encodeId(id), expiresAt: BigInt(expiresAt), issuedAt: BigInt(issuedAt), hint };
}

function encodeEntryToken({ entry, ...issued }: { readonly entry: EntryResource } & IssuedToken) {
  return encodeToken({ ...issued, id: entry.spiffeId }, entry.hint);
}

/** SPIRE says of an entry that an agent may not serve that it is not found. */
function asSpire(fault: Fault): Fault {
  return fault.code === 'AGENT_NOT_AUTHORIZED' ? new Fault('NOT_FOUND', fault.message, { cause: fault }) : fault;
}

function agentOf({ agent }: Admitted): AgentRecord {
  if (agent === undefined) throw new Fault('CALLER_NOT_AUTHORIZED', 'the caller is no agent');
  return agent;
}
