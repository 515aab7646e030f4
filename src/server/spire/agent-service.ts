import { randomUUID } from 'node:crypto';
import { Fault } from '#kernel';
import type { AgentRecord } from '#registry';
import { QUESTION, type ServiceBinding } from '#rpc';
import {
  AgentDefinition,
  type AttestAgentRequest,
  type AttestAgentRequest_Params,
  type AttestAgentResponse,
} from '#wire/gen/spire/api/server/agent';
import { attestNode, NODE_ATTESTATION } from '../attest-node.ts';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { decodeAgentFilter, encodeAgent, encodeSvid } from './message/agent.ts';
import { parseAgentId, parseWorkloadId } from './message/ids.ts';
import { pageOf } from './message/page.ts';

const MAX_VERSION_LENGTH = 255;

/** `spire.api.server.agent.v1.Agent`: agents come in, renew, and are listed, banned and put out. */
export function agentService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state } = gate;
  const { registry, nodes } = state;
  return bindSpire(
    gate,
    AgentDefinition,
    {
      countAgents: async ({ filter }, { caller: { trustDomain } }) => ({
        count: registry.agents(trustDomain, decodeAgentFilter(filter)).length,
      }),
      listAgents: async ({ filter, outputMask, pageSize, pageToken }, { caller: { trustDomain } }) => {
        const found = registry.agents(trustDomain, decodeAgentFilter(filter));
        const { items, next } = pageOf(found, { size: pageSize, token: pageToken, keyOf: ({ id }) => id });
        return { agents: items.map((agent) => encodeAgent(agent, outputMask)), nextPageToken: next };
      },
      getAgent: async ({ id, outputMask }, { caller: { trustDomain } }) => {
        const agent = registry.findAgent(`${parseAgentId(trustDomain, id, 'agent ID')}`);
        if (agent === undefined) throw new Fault('NOT_FOUND', 'agent not found');
        return encodeAgent(agent, outputMask);
      },
      deleteAgent: async ({ id }, { caller: { trustDomain, by } }) => {
        await nodes.evict(`${parseAgentId(trustDomain, id, 'agent ID')}`, trustDomain, by);
        return {};
      },
      banAgent: async ({ id }, { caller: { trustDomain, by } }) => {
        await nodes.ban(`${parseAgentId(trustDomain, id, 'agent ID')}`, trustDomain, by);
        return {};
      },
      attestAgent: (requests, { caller, signal }) => attest(gate, caller, requests, signal),
      renewAgent: async ({ params }, { caller }) => {
        const { agent, serial } = agentOf(caller);
        if (agent.canReattest) throw new Fault('AGENT_MUST_REATTEST', 'agent must reattest instead of renew');
        if (params === undefined) throw missing('params');
        if (params.csr.length === 0) throw missing('CSR');
        const renewed = await nodes.renew(agent, serial, params.csr);
        return { svid: encodeSvid(agent.id, renewed.chain, renewed.agent.expiresAt) };
      },
      createJoinToken: async ({ ttl, token, agentId }, { caller: { trustDomain, by } }) => {
        if (ttl < 1) throw new Fault('ARGUMENT_INVALID', 'ttl is required, you must provide one');
        const alias = agentId === undefined ? undefined : `${parseWorkloadId(trustDomain, agentId, 'agent ID')}`;
        const made = await state.createJoinToken({
          trustDomain,
          ttlSeconds: ttl,
          alias,
          token: token || randomUUID(),
          by,
        });
        return { value: made.token, expiresAt: BigInt(Math.floor(made.expiresAt / 1000)) };
      },
      postStatus: async ({ agentVersion }, { caller }) => {
        const { agent } = agentOf(caller);
        if (agentVersion.length > MAX_VERSION_LENGTH)
          throw new Fault('ARGUMENT_INVALID', `agent version has at most ${MAX_VERSION_LENGTH} characters`);
        if (agentVersion !== '' && agentVersion !== agent.version)
          await registry.updateAgent(agent.id, (present) => ({ ...present, version: agentVersion }));
        return {};
      },
    },
    { methodLimits: { attestAgent: NODE_ATTESTATION, renewAgent: QUESTION, postStatus: QUESTION } },
  );
}

function agentOf({ agent, serial }: Admitted): { readonly agent: AgentRecord; readonly serial: string } {
  if (agent === undefined || serial === undefined) throw new Fault('CALLER_NOT_AUTHORIZED', 'the caller is no agent');
  return { agent, serial };
}

async function* attest(
  { state }: Gate,
  { trustDomain }: Admitted,
  requests: AsyncIterable<AttestAgentRequest>,
  signal: AbortSignal,
): AsyncGenerator<AttestAgentResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const { type, payload, csr } = assertParams(first.done === true ? undefined : first.value.params);
  const answer = async (): Promise<Uint8Array | undefined> => {
    const next = await iterator.next();
    return next.done === true ? undefined : next.value.challengeResponse;
  };
  for await (const step of attestNode(state.nodes, { trustDomain, type, payload, csr }, answer, signal)) {
    if ('challenge' in step) yield { challenge: step.challenge, result: undefined };
    else {
      const { agent, chain } = step.svid;
      const svid = encodeSvid(agent.id, chain, agent.expiresAt);
      yield { challenge: undefined, result: { svid, reattestable: agent.canReattest } };
    }
  }
}

function assertParams(message: AttestAgentRequest_Params | undefined) {
  if (message === undefined) throw missing('params');
  const { data, params } = message;
  if (data === undefined) throw missing('attestation data');
  if (params === undefined) throw missing('X509-SVID parameters');
  if (params.csr.length === 0) throw missing('CSR');
  if (data.type === '') throw missing('attestation data type');
  if (data.payload.length === 0) throw missing('attestation data payload');
  return { type: data.type, payload: Buffer.from(data.payload), csr: params.csr };
}

function missing(what: string): Fault {
  return new Fault('ARGUMENT_INVALID', `missing ${what}`);
}
