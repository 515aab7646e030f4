import type { AppendedAuthority } from './appended.ts';
import type { JournalAnchor } from './journal-record.ts';
import type { UpstreamAuthority } from './upstream-authority.ts';
import { toAnchor } from './upstream-slot.ts';

/** What is above, where there is something above. */
export interface Upstream {
  bundle(): Promise<{ readonly anchors: readonly JournalAnchor[]; readonly keys: readonly AppendedAuthority[] }>;
  publish(keys: readonly AppendedAuthority[]): Promise<void>;
}

export function toUpstream(upstream: UpstreamAuthority): Upstream {
  return {
    bundle: async () => {
      const { roots, keys } = await upstream.bundle();
      return { anchors: roots.map(toAnchor), keys };
    },
    publish: async (keys) => upstream.publish?.(keys),
  };
}
