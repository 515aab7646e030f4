import { pause } from '#kernel';
import { bindService, type PeerCredentials, QUESTION, type ServiceBinding } from '#rpc';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Status } from '#wire/gen/health';
import type { AgentNode } from '../node.ts';

const POLL_MILLIS = 1000;

/** `grpc.health.v1.Health`: serving means that identities can be issued now. Needs no security header; names no service but its own. */
export function healthService(node: AgentNode, services: readonly string[]): ServiceBinding<PeerCredentials> {
  const { clock } = node.options;
  const statusOf = (service: string) => {
    if (service !== '' && !services.includes(service)) return Status.SERVICE_UNKNOWN;
    return node.isHealthy() ? Status.SERVING : Status.NOT_SERVING;
  };
  return bindService<typeof HealthDefinition, PeerCredentials>(
    HealthDefinition,
    {
      check: async ({ service }) => ({ status: statusOf(service) }),
      watch: async function* ({ service }, { signal }) {
        for (let last: unknown; !signal.aborted; await pause(clock, POLL_MILLIS, signal)) {
          const status = statusOf(service);
          if (status !== last) yield { status };
          last = status;
        }
      },
    },
    undefined,
    { limits: QUESTION },
  );
}
