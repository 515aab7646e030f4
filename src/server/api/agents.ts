import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { SpiffeId } from '#spiffe';
import { AgentsDefinition } from '#wire/gen/hauberk_agents';
import type { State } from '../state.ts';
import { operator } from './operator.ts';

/** `hauberk.admin.v1.Agents`: on the operators' socket. */
export function agentsService(state: State): ServiceBinding<PeerCredentials> {
  const { registry, nodes, streams } = state;
  return bindService<typeof AgentsDefinition, PeerCredentials>(AgentsDefinition, {
    list: async ({ trustDomain }) => {
      const { name } = state.trustDomain(trustDomain);
      const connected = new Set(streams.of(name).map(({ agent }) => agent.id));
      return {
        agents: registry.agents(name).map(({ expiresAt, ...agent }) => ({
          id: agent.id,
          alias: agent.alias ?? '',
          attestationType: agent.attestationType,
          selectors: [...agent.selectors],
          banned: agent.banned,
          version: agent.version ?? '',
          expiresAt: agent.serial === '' ? 0n : BigInt(Math.floor(expiresAt / 1000)),
          connected: connected.has(agent.id),
        })),
      };
    },
    ban: async ({ id }, { caller }) => {
      await nodes.ban(id, trustDomainOf(id), operator(caller));
      return {};
    },
    evict: async ({ id }, { caller }) => {
      await nodes.evict(id, trustDomainOf(id), operator(caller));
      return {};
    },
  });
}

/** Throws `SPIFFE_ID_INVALID`. */
function trustDomainOf(id: string): string {
  return SpiffeId.parse(id).trustDomain;
}
