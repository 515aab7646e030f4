import type { PlannedChange } from './draft.ts';
import { trustDomainOf } from './log-names.ts';
import type { LogCommitted } from './log-revision.ts';
import type { ResourceChange } from './store.ts';

/** One committed revision of a trust domain. */
export interface Committed {
  readonly trustDomain: string;
  readonly revision: number;
  readonly changes: readonly CommittedChange[];
}

/** Listeners are told what stood there before; `verb` is known of this server's own commits. */
export interface CommittedChange extends ResourceChange {
  readonly verb?: PlannedChange['verb'];
  readonly before?: unknown;
}

/** Of a revision of a state log. */
export function toCommitted({ log, revision, changes }: LogCommitted): Committed {
  // A state log holds resources only: the draft lets nothing else in.
  return { trustDomain: trustDomainOf(log), revision, changes: changes as readonly CommittedChange[] };
}
