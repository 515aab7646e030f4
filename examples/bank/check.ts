// The story of the bank, played without a person: what must succeed, what must be refused, and where. Every link and refusal is read
// back from the ledger and compared with what the caller or the service itself observed.
import { refusedAtTheDatabase } from './story/at-the-database.ts';
import { refusedAtTheEdge } from './story/at-the-edge.ts';
import { refusedBetweenServices } from './story/between-services.ts';
import type { Context, Denial, Link } from './story/context.ts';
import { signInAll } from './story/people.ts';
import { Record } from './story/record.ts';
import { aliceReads, bobPays } from './story/success.ts';

export interface Result {
  readonly links: readonly Link[];
  readonly denials: readonly Denial[];
  readonly failures: readonly string[];
}

/** Every refusal of the story: one that is not recorded has not been tried, and that is a failure too. */
const REFUSALS = [
  'no-session-page',
  'no-session-api',
  'forged-identity-headers',
  'doubled-authorization',
  'other-tenant-route',
  'cross-site-request',
  'other-browsers-login',
  'impostor-service',
  'cross-bank-dial',
  'unlisted-caller',
  'no-certificate',
  'self-signed-certificate',
  'unnamed-platform-workload',
  'other-users-resource',
  'expired-token',
  'wrong-audience-token',
  'changed-token',
  'resigned-token',
  'unregistered-minter',
  'unsigned-token',
  'other-kind-of-token',
  'doubled-token',
  'unregistered-process',
  'database-no-context',
  'database-forged-context',
  'database-replayed-context',
  'database-expired-context',
  'database-role-change',
  'database-no-certificate',
  'database-unmapped-workload',
  'database-foreign-token',
  'database-direct',
];

export default async function check(context: Context): Promise<Result> {
  const record = new Record(context);
  await chapter(record, 'the story', async () => {
    const people = await signInAll(context, record);
    const accounts = await aliceReads(context, record, people);
    await chapter(record, 'the payment', () => bobPays(context, record, people));
    await chapter(record, 'at the edge', () => refusedAtTheEdge(context, record, people));
    // They wait for a token to expire: what else there is to try is tried meanwhile.
    await Promise.all([
      chapter(record, 'between services', () => refusedBetweenServices(context, record, people, accounts)),
      chapter(record, 'at the database', () => refusedAtTheDatabase(context, record, people)),
    ]);
  });
  const tried = new Set(record.denials.map(({ name }) => name));
  for (const name of REFUSALS) record.expect(tried.has(name), `${name} was tried`);
  const order = (denial: Denial): number => REFUSALS.indexOf(denial.name);
  const denials = [...record.denials].sort((a, b) => order(a) - order(b));
  return { links: record.links, denials, failures: record.failures };
}

/** A chapter that cannot be played is an expectation that did not hold. */
async function chapter(record: Record, name: string, play: () => Promise<void>): Promise<void> {
  try {
    await play();
  } catch (error) {
    record.expect(false, `${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
