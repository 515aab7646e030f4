import { type AuthorityJournal, type JournalRecord, parseJournal } from '#authority';
import { Fault } from '#kernel';
import { journalLog, type Store } from '#registry';
import type { TrustDomain } from '#spiffe';

const KEY = 'authority';

/** The journal of an authority as a log of the store: the revision of the log is the version, so that the servers of one store agree. */
export function storeJournal(store: Store, trustDomain: TrustDomain, isShared = false): AuthorityJournal {
  const log = journalLog(trustDomain);
  return {
    load: async () => parse(await newest(store, log)),
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

async function newest(store: Store, log: string): Promise<unknown> {
  const since = await store.since(log, 0);
  const found = since.kind === 'changes' ? since.changes : since.resources;
  return found.findLast(({ key }) => key === KEY)?.body ?? undefined;
}

function parse(body: unknown): JournalRecord | undefined {
  return body === undefined ? undefined : parseJournal(JSON.stringify(body));
}
