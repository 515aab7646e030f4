import { nearestEntries } from '#attestation';
import { Fault } from '#kernel';
import type { SupervisorAttestor } from '#plugins/workload-attestor/supervisor';
import { bindService, type PeerCredentials, QUESTION, type ServiceBinding } from '#rpc';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import type { Membership } from '../membership.ts';
import type { AgentNode } from '../node.ts';
import { parseBundle } from '../parse-bundle.ts';
import { processOf } from '../process-of.ts';

const MAX_NEAREST = 5;

/** `hauberk.agent.v1.Supervisor` on the admin socket (mode 0770). */
export function supervisorService(node: AgentNode, attestor: SupervisorAttestor): ServiceBinding<PeerCredentials> {
  const { memberships, log } = node.options;
  return bindService<typeof SupervisorDefinition, PeerCredentials>(
    SupervisorDefinition,
    {
      register: async ({ pid, service }) => {
        const sessionId = attestor.register(pid, service);
        node.attestAnew();
        log.info('session leader registered', { pid, service });
        return { sessionId };
      },
      deregister: async ({ pid }) => {
        attestor.deregister(pid);
        node.attestAnew();
        return {};
      },
      status: async () => ({
        healthy: node.isHealthy(),
        trustDomains: memberships.map((one) => describe(one, node.troubleOf(one))),
        enforcementPoints: [...node.points].map(({ caller, applied }) => ({
          spiffeIds: [...caller],
          appliedRevisions: Object.fromEntries(applied),
        })),
      }),
      provideJoinToken: async ({ trustDomain, token, bundleJson }) => {
        const membership = memberships.find(({ name }) => name === trustDomain);
        if (membership === undefined) throw new Fault('NOT_FOUND', 'this agent does not serve the trust domain');
        if (token === '') throw new Fault('ARGUMENT_INVALID', 'the join token is missing');
        membership.provideJoinToken(token, parseBundle(bundleJson, trustDomain));
        return {};
      },
      explain: async ({ pid }) => {
        const seen = await node.selectors(processOf(pid));
        return {
          selectors: [...seen],
          matching: node.entitlements(seen).map(({ entry }) => entry.spiffeId),
          nearest: nearest(memberships, seen),
        };
      },
    },
    undefined,
    {
      // A bundle comes with a join token.
      methodLimits: { register: QUESTION, deregister: QUESTION, status: QUESTION, explain: QUESTION },
    },
  );
}

function describe(membership: Membership, trouble: Fault | undefined) {
  return {
    name: membership.name,
    agentId: membership.agentId,
    state: membership.state,
    revision: membership.resources.revision,
    svidExpiresAt: BigInt(Math.floor(membership.svidNotAfter / 1000)),
    svids: membership.svidCount,
    code: trouble?.code ?? '',
    reason: trouble?.message ?? '',
    clockSkewMillis: BigInt(membership.clockSkewMillis),
  };
}

function nearest(memberships: readonly Membership[], seen: ReadonlySet<string>) {
  const entries = memberships.flatMap(({ resources }) => resources.entries());
  return nearestEntries(entries, seen, MAX_NEAREST).map(({ entry: { spiffeId, id }, missing }) => ({
    spiffeId,
    entryId: id,
    missing: [...missing],
  }));
}
