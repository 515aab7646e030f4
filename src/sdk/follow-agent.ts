import { type Client, UpdateAssembly, type WholeUpdate } from '#wire';
import type { EnforcementPointDefinition } from '#wire/gen/hauberk_workload';
import type { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { Acknowledgements } from './acknowledgements.ts';
import type { Enforcement } from './enforcement.ts';
import { follow } from './follow.ts';
import type { Identity } from './identity.ts';

export interface Followed {
  readonly api: Client<typeof SpiffeWorkloadAPIDefinition>;
  readonly point: Client<typeof EnforcementPointDefinition>;
  readonly identity: Identity;
  readonly enforced: Enforcement;
  /** Told of each attempt that failed. */
  readonly failed: (error: unknown) => void;
}

/** Follows the Workload API and the stream of what is enforced until the signal ends it. What has been applied is acknowledged, nothing else. */
export function followAgent({ api, point, identity, enforced, failed }: Followed, signal: AbortSignal): void {
  void follow(
    () => api.fetchX509SVID({}, signal),
    (response) => identity.apply(response),
    failed,
    signal,
  );
  let acknowledgements: Acknowledgements | undefined;
  const watch = async function* (): AsyncGenerator<WholeUpdate> {
    const left = new AbortController();
    const assembly = new UpdateAssembly();
    acknowledgements = new Acknowledgements(AbortSignal.any([signal, left.signal]));
    try {
      for await (const { update: part } of point.watch(acknowledgements, signal)) {
        const update = part === undefined ? undefined : assembly.take(part);
        if (update !== undefined) yield update;
      }
    } finally {
      left.abort();
    }
  };
  void follow(
    watch,
    (update) => {
      enforced.apply(update);
      acknowledgements?.push(update.trustDomain, update.revision);
    },
    failed,
    signal,
  );
}
