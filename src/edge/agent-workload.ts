import type { Clock, Log } from '#kernel';
import { connectEnforcementPoint } from '#sdk';
import type { EdgeWorkload } from './edge-workload.ts';

export interface AgentWorkloadOptions {
  readonly agentSocket: string;
  readonly clock: Clock;
  readonly log: Log;
}

const START_MILLIS = 60_000;

/** The edge's identity and its enforcement point, from the agent of this node. Throws as `connectEnforcementPoint` does. */
export async function connectAgent({ agentSocket, clock, log }: AgentWorkloadOptions): Promise<EdgeWorkload> {
  const point = await connectEnforcementPoint({
    ...{ socketPath: agentSocket, clock, timeoutMillis: START_MILLIS },
    onTrouble: (error) => log.warn('agent lost', { error }),
  });
  return {
    id: point.id,
    svid: () => point.svid(),
    onChange: (listener) => point.identity.onChange(listener),
    findService: (name) => point.findService(name),
    connect: (name) => point.connect(name),
    registerMinter: (question) => point.registerMinter(question),
    isRevoked: (trustDomain, subject) => point.isRevoked(trustDomain, subject),
    onRevocation: (listener) => point.enforced.onChange(listener),
    report: (receipt) => point.report(receipt),
    close: () => point.close(),
  };
}
