import type { AuthorityJournal, JournalRecord } from '#authority';
import { Fault } from '#kernel';

/** A journal that lives as long as the process. Its users see each other's changes when they look. */
export function memoryJournal(): AuthorityJournal {
  let kept: JournalRecord | undefined;
  return {
    load: async () => kept,
    save: async (record, expected) => {
      if ((kept?.version ?? 0) !== expected)
        throw new Fault('JOURNAL_CONFLICT', 'the journal of the authority has been changed meanwhile');
      kept = record;
    },
  };
}
