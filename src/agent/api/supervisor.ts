import { Fault } from '#kernel';
import type { SupervisorAttestor } from '#plugins/workload-attestor/supervisor';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { formatSelector } from '#spiffe';
import type { BundleResource } from '#wire';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import type { AgentNode } from '../node.ts';

/** `hauberk.agent.v1.Supervisor` on the admin socket (mode 0770). */
export function supervisorService(node: AgentNode, attestor: SupervisorAttestor): ServiceBinding<PeerCredentials> {
  const { memberships } = node.options;
  return bindService<typeof SupervisorDefinition, PeerCredentials>(SupervisorDefinition, {
    register: async ({ pid, service }) => ({ sessionId: attestor.register(pid, service) }),
    deregister: async ({ pid }) => {
      attestor.deregister(pid);
      return {};
    },
    status: async () => ({
      healthy: memberships.every(({ state }) => state === 'connected'),
      trustDomains: memberships.map((membership) => ({
        name: membership.name,
        agentId: membership.agentId,
        state: membership.state,
        revision: membership.resources.revision,
        svidExpiresAt: BigInt(Math.floor(membership.svidNotAfter / 1000)),
        svids: membership.svidCount,
      })),
    }),
    provideJoinToken: async ({ trustDomain, token, bundleJson }) => {
      const membership = memberships.find(({ name }) => name === trustDomain);
      if (membership === undefined) throw new Fault('NOT_FOUND', 'this agent does not serve the trust domain');
      membership.provideJoinToken(token, parseBundle(bundleJson, trustDomain));
      return {};
    },
    explain: async ({ pid }) => {
      const selectors = await node.selectors({ pid, uid: -1, gid: -1, pidfd: undefined });
      const seen = new Set(selectors.map(formatSelector));
      const nearest = memberships
        .flatMap(({ resources }) => resources.entries())
        .map((entry) => ({
          spiffeId: entry.spiffeId,
          entryId: entry.id,
          missing: entry.selectors.filter((selector) => !seen.has(selector)),
        }))
        .sort((a, b) => a.missing.length - b.missing.length);
      return {
        selectors: [...seen],
        matching: node.entitlements(selectors).map(({ entry }) => entry.spiffeId),
        nearest: nearest.slice(0, 5),
      };
    },
  });
}

/** Throws `BUNDLE_INVALID`. */
export function parseBundle(json: string, trustDomain: string): BundleResource {
  const value: unknown = JSON.parse(json);
  if (!isBundle(value) || value.trustDomain !== trustDomain)
    throw new Fault('BUNDLE_INVALID', 'not a bundle of the trust domain');
  return value;
}

function isBundle(value: unknown): value is BundleResource {
  if (typeof value !== 'object' || value === null) return false;
  const bundle = value as Partial<Record<keyof BundleResource, unknown>>;
  const certificates = bundle.x509Authorities;
  return (
    typeof bundle.trustDomain === 'string' &&
    typeof bundle.sequence === 'number' &&
    Array.isArray(certificates) &&
    certificates.every((one) => typeof one === 'string')
  );
}
