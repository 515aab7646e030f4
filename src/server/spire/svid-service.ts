import { Fault } from '#kernel';
import type { AgentRecord } from '#registry';
import type { ServiceBinding } from '#rpc';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { issueX509Svids } from '../issuance.ts';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { encodeSvid } from './message/agent.ts';
import { mintX509Svid } from './mint.ts';
import { itemStatus, OK } from './status.ts';

/** `spire.api.server.svid.v1.SVID`: minted for operators, issued to agents for the entries that they serve. */
export function svidService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state } = gate;
  return bindSpire(gate, SVIDDefinition, {
    mintX509SVID: async ({ csr, ttl }, { caller }) => {
      const { id, chain, notAfter } = await mintX509Svid(state, caller, { csr, ttlSeconds: ttl });
      return { svid: encodeSvid(id, chain, notAfter) };
    },
    mintJWTSVID: async () => unimplemented(),
    mintWITSVID: async () => unimplemented(),
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
    newJWTSVID: async () => unimplemented(),
    batchNewWITSVID: async () => unimplemented(),
    newDownstreamX509CA: async () => unimplemented(),
  });
}

/** SPIRE says of an entry that an agent may not serve that it is not found. */
function asSpire(fault: Fault): Fault {
  return fault.code === 'AGENT_NOT_AUTHORIZED' ? new Fault('NOT_FOUND', fault.message, { cause: fault }) : fault;
}

function agentOf({ agent }: Admitted): AgentRecord {
  if (agent === undefined) throw new Fault('CALLER_NOT_AUTHORIZED', 'the caller is no agent');
  return agent;
}

function unimplemented(): never {
  throw new Fault('METHOD_UNIMPLEMENTED', 'this method is not offered here');
}
