import { type AuthorityJournal, type JournalRecord, parseJournal } from '#authority';
import { Fault } from '#kernel';
import { journalLog, type Store } from '#registry';
import type { TrustDomain } from '#spiffe';

const KEY = 'authority';

/** The journal of an authority as a log of the store: the revision of the log is the version, so that the servers of one store agree. */
export function storeJournal(store: Store, trustDomain: TrustDomain, isShared = false): AuthorityJournal {
  const log = journalLog(trustDomain);
  let seen: JournalRecord | undefined;
  return {
    load: async () => {
      // What came since is asked for, not the whole log.
      const body = await newest(store, log, seen?.version ?? 0);
      if (body !== undefined) seen = parseJournal(JSON.stringify(body));
      return seen;
    },
    save: async (record, expected) => {
      const changes = [{ kind: 'Journal', key: KEY, body: record } as const];
      if (!(await store.commit({ logs: [{ log, expected, changes }] })))
        throw new Fault('JOURNAL_CONFLICT', 'the journal of the authority has been changed meanwhile');
    },
    ...(isShared ? { watch: (listener) => watch(store, log, listener) } : {}),
  };
}

function watch(store: Store, log: string, listener: () => void): () => void {
  return store.watch((changed) => {
    if (changed === undefined || changed === log) listener();
  });
}

async function newest(store: Store, log: string, revision: number): Promise<unknown> {
  const since = await store.since(log, revision);
  const found = since.kind === 'changes' ? since.changes : since.resources;
  return found.findLast(({ key }) => key === KEY)?.body ?? undefined;
}
