import { type Clock, type Closeable, Fault, Lifecycle, type Log } from '#kernel';
import { connectWorkload, type Workload } from '#sdk';
import { verifyX509Svid, type X509Svid } from '#spiffe';
import { createGrpcClient, dialUnix, ReceiptReporter } from '#wire';
import { EnforcementPointDefinition, type WatchRequest } from '#wire/gen/hauberk_workload';
import { Enforced } from './enforced.ts';
import type { GateWorkload } from './gate-workload.ts';
import { verifyTxnContext } from './txn-context.ts';

const LOOK_MILLIS = 1000;
const AGAIN_MILLIS = 200;
const READY_MILLIS = 30_000;

export interface ConnectedGateWorkload extends GateWorkload, Closeable {}

/** The gate's identity and what it enforces, from the agent of this node. Throws `IDENTITY_NO_ENTRY`, `IDENTITY_UNAVAILABLE`. */
export async function connectGateWorkload(parts: {
  readonly agentSocket: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<ConnectedGateWorkload> {
  const { agentSocket: socketPath, clock, log } = parts;
  const lifecycle = new Lifecycle();
  const workload = lifecycle.own(await connectWorkload({ socketPath, clock }));
  const metadata = { 'workload.spiffe.io': 'true' };
  const point = lifecycle.own(
    createGrpcClient(EnforcementPointDefinition, { dial: () => dialUnix(socketPath), metadata }),
  );
  const stop = new AbortController();
  lifecycle.defer(() => stop.abort());
  const { id } = workload;
  const enforced = new Enforced();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const watch = async (): Promise<void> => {
    for await (const { update } of point.watch(untilAborted(stop.signal), stop.signal)) {
      if (update === undefined) continue;
      enforced.apply(update);
      changed();
    }
  };
  void again(watch, stop.signal, log);
  lifecycle.own(onIdentityChange(workload, clock, changed));
  const queue = lifecycle.own(new ReceiptReporter((receiptsJson) => point.reportReceipts({ receiptsJson })));
  await untilEnforced(enforced, id.trustDomain, clock);
  return {
    id,
    svid: () => workload.x509Svid(),
    verifyPeer: (chain) => verifyX509Svid({ chain, bundles: workload.bundles(), at: clock.now(), purpose: 'client' }),
    verifyTxnToken: (token, audience) => {
      const minters = (kid: string) => enforced.minter(audience, kid);
      return verifyTxnContext({ token, audience, minters, revocations: enforced.revocations(audience), clock });
    },
    isRevoked: (spiffeId) => {
      const trustDomain = /^spiffe:\/\/([^/]+)/.exec(spiffeId)?.[1] ?? '';
      return enforced.revocations(trustDomain).some(({ kind, value }) => kind === 'workload' && value === spiffeId);
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    report: (receipt) => queue.add(receipt),
    close: () => lifecycle.close(),
  };
}

/** Looks once a second whether SVID or bundles are other than they were. */
function onIdentityChange(workload: Workload, clock: Clock, changed: () => void): Closeable {
  let [svid, bundles] = [findSvid(workload), workload.bundles()];
  const look = (): void => {
    scheduled = clock.at(clock.now() + LOOK_MILLIS, look);
    if (svid === findSvid(workload) && bundles === workload.bundles()) return;
    [svid, bundles] = [findSvid(workload), workload.bundles()];
    changed();
  };
  let scheduled = clock.at(clock.now() + LOOK_MILLIS, look);
  return { close: async () => scheduled.cancel() };
}

function findSvid(workload: Workload): X509Svid | undefined {
  try {
    return workload.x509Svid();
  } catch {
    return undefined;
  }
}

async function again(run: () => Promise<void>, signal: AbortSignal, log: Log): Promise<void> {
  while (!signal.aborted) {
    try {
      await run();
    } catch (error) {
      if (!signal.aborted) log.warn('the agent is away', { error });
    }
    await new Promise((next) => setTimeout(next, AGAIN_MILLIS).unref());
  }
}

async function untilEnforced(enforced: Enforced, trustDomain: string, clock: Clock): Promise<void> {
  const late = clock.monotonic() + READY_MILLIS;
  while (!enforced.has(trustDomain)) {
    if (clock.monotonic() > late)
      throw new Fault('IDENTITY_UNAVAILABLE', 'the agent did not say what to enforce in time');
    await new Promise((next) => setTimeout(next, 10));
  }
}

async function* untilAborted(signal: AbortSignal): AsyncGenerator<WatchRequest> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
