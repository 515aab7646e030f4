import type { Clock, Closeable, Log } from '#kernel';
import { connectEnforcementPoint } from '#sdk';
import type { GateWorkload } from './gate-workload.ts';
import { verifyTxnContext } from './txn-context.ts';

const START_MILLIS = 30_000;

export interface ConnectedGateWorkload extends GateWorkload, Closeable {}

/** The gate's identity and what it enforces, from the agent of this node. Throws as `connectEnforcementPoint` does. */
export async function connectGateWorkload(parts: {
  readonly agentSocket: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<ConnectedGateWorkload> {
  const { agentSocket: socketPath, clock, log } = parts;
  const point = await connectEnforcementPoint({
    ...{ socketPath, clock, timeoutMillis: START_MILLIS },
    onTrouble: (error) => log.warn('the agent is away', { error }),
  });
  return {
    id: point.id,
    svid: () => point.svid(),
    verifyPeer: (chain) => point.verifyPeer(chain, 'client'),
    verifyTxnToken: (token, audience) => verifyTxnContext({ token, audience, clock }, point.enforced),
    isRevoked: (trustDomain, subject) => point.isRevoked(trustDomain, subject),
    onChange: (listener) => point.onChange(listener),
    report: (receipt) => point.report(receipt),
    close: () => point.close(),
  };
}
