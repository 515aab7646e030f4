import { Fault, faultCode } from '#kernel';
import type { AuthorityJournal } from './journal.ts';
import type { JournalRecord } from './journal-record.ts';

/** What every `AuthorityJournal` must do; throws `INTERNAL_ERROR` naming the first rule that does not hold. `open` opens what was kept before. */
export async function journalContract(open: () => Promise<AuthorityJournal>): Promise<void> {
  const one = await open();
  holds((await one.load()) === undefined, 'nothing is remembered before something was saved');
  await one.save(record(1), 0);
  holds(same(await one.load(), record(1)), 'what was saved is remembered');
  const two = await open();
  holds(same(await two.load(), record(1)), 'what was saved is remembered by the next process');
  await two.save(record(2), 1);
  holds(await conflicts(() => one.save(record(2), 1)), 'who has not seen the newest version saves nothing');
  holds(await conflicts(() => one.save(record(1), 0)), 'who has seen no version saves nothing');
  holds(same(await one.load(), record(2)), 'what another has saved is seen');
  await one.save(record(3), 2);
  holds(same(await two.load(), record(3)), 'the newest version can be replaced by anybody');
  const racers = await Promise.all([0, 1, 2, 3].map(() => open()));
  const outcomes = await Promise.all(racers.map((racer) => conflicts(() => racer.save(record(4), 3))));
  holds(outcomes.filter((lost) => !lost).length === 1, 'of many that save at once exactly one wins');
}

function record(version: number): JournalRecord {
  const slot = {
    kind: 'jwt',
    id: `kid-${version}`,
    keyName: `jwt-kid-${version}`,
    keyType: 'ec-p256',
    state: 'active',
    tainted: version > 1,
    notBefore: 1,
    notAfter: 2,
    publicKey: 'AAAA',
    chain: [],
  } as const;
  return {
    version,
    sequence: version * 10,
    slots: [slot],
    upstream: [{ id: 'aa', certificate: 'AA==', tainted: true, revoked: false, notAfter: 3 }],
  };
}

function same(one: JournalRecord | undefined, other: JournalRecord): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function conflicts(save: () => Promise<void>): Promise<boolean> {
  try {
    await save();
    return false;
  } catch (error) {
    if (faultCode(error) === 'JOURNAL_CONFLICT') return true;
    throw error;
  }
}

function holds(condition: boolean, rule: string): void {
  if (!condition) throw new Fault('INTERNAL_ERROR', `contract broken: ${rule}`);
}
