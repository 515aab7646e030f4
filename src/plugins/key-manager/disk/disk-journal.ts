import { type AuthorityJournal, type JournalRecord, parseJournal } from '#authority';
import { Fault } from '#kernel';
import { readOptional, writePrivateFile } from './private-file.ts';

/** Per file: who saves in this process waits for who saves already. One process at a time has a data directory. */
const saving = new Map<string, Promise<void>>();

/** The journal of an authority as one JSON file, replaced atomically. */
export function diskJournal(file: string): AuthorityJournal {
  const load = async (): Promise<JournalRecord | undefined> => {
    const text = await readOptional(file);
    return text === undefined ? undefined : parseJournal(text);
  };
  return {
    load,
    save: (record, expected) => {
      const saved = (saving.get(file) ?? Promise.resolve()).then(async () => {
        if (((await load())?.version ?? 0) !== expected)
          throw new Fault('JOURNAL_CONFLICT', 'the journal of the authority has been changed meanwhile');
        await writePrivateFile(file, JSON.stringify(record));
      });
      saving.set(
        file,
        saved.catch(() => undefined),
      );
      return saved;
    },
  };
}
