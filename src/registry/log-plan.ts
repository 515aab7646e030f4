import type { HeldLogs, Planned } from './held-logs.ts';
import { type LogCommitted, placeOf } from './log-revision.ts';
import type { Change, PendingReceipt } from './store.ts';

/** What to write, decided on the state of this moment; asked again when another process was first. */
export interface LogPlan {
  readonly changes: ReadonlyMap<string, readonly Change[]>;
  readonly receipts?: (committed: readonly LogCommitted[]) => readonly PendingReceipt[];
}

/** What came of a plan: nothing when it said nothing. */
export interface Outcome {
  readonly committed: readonly LogCommitted[];
  readonly receipts: readonly PendingReceipt[];
}

/** Somebody who waits for a commit. */
export interface Member {
  readonly plan: () => LogPlan;
  readonly done: PromiseWithResolvers<Outcome>;
}

export interface Said extends Outcome {
  readonly member: Member;
}

export function newMember(plan: () => LogPlan): Member {
  return { plan, done: Promise.withResolvers() };
}

/** Asks every plan, each on what those before it say; who throws or says nothing has its answer. */
export function askAll(
  members: readonly Member[],
  held: HeldLogs,
): { readonly said: readonly Said[]; readonly changes: Planned } {
  const changes = new Map<string, Map<string, Change>>();
  const said: Said[] = [];
  held.assuming(changes, () => {
    for (const member of members) {
      try {
        const one = ask(member, held);
        if (one.committed.length === 0) member.done.resolve(one);
        else said.push({ ...one, member });
        for (const { log, changes: some } of one.committed) merge(changes, log, some);
      } catch (error) {
        member.done.reject(error);
      }
    }
  });
  return { said, changes };
}

function ask({ plan }: Member, held: HeldLogs): Outcome {
  const { changes, receipts } = plan();
  const committed = [...changes].filter(([, some]) => some.length > 0).map(([log, some]) => held.next(log, some));
  return { committed, receipts: committed.length === 0 ? [] : (receipts?.(committed) ?? []) };
}

function merge(changes: Map<string, Map<string, Change>>, log: string, more: readonly Change[]): void {
  let some = changes.get(log);
  if (some === undefined) {
    some = new Map();
    changes.set(log, some);
  }
  for (const change of more) some.set(placeOf(change), change);
}
