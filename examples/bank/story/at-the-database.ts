// What the database must refuse, through the gate and past it.
import type { Seen } from '../attacks/seen.ts';
import { probe, stealToken } from './between-services.ts';
import type { Context } from './context.ts';
import type { People } from './people.ts';
import type { Record } from './record.ts';

const PEER = 'spiffe://bank-a/account-service';
const SERVICE = 'bank-a/account-service';
const TABLE = 'accounts';

export async function refusedAtTheDatabase(context: Context, record: Record, people: People): Promise<void> {
  await attempt(context, record, people, 'no-context', 'DATABASE_NO_CONTEXT');
  await attempt(context, record, people, 'forged-context', 'DATABASE_CONTEXT_FORGED');
  await attempt(context, record, people, 'replayed-context', 'DATABASE_CONTEXT_REPLAYED');
  await attempt(context, record, people, 'role-change', 'DATABASE_ROLE_CHANGE');
  await direct(context, record);
}

async function attempt(
  context: Context,
  record: Record,
  people: People,
  name: string,
  expected: string,
): Promise<void> {
  const since = Date.now();
  const token = await stealToken(context, people);
  const database = context.postgres?.database ?? 'bank';
  const seen = await probe(context, SERVICE, { kind: 'database', name, token, database, table: TABLE });
  const refusal = { name: `database-${name}`, expected, link: 'database', peer: PEER, wrong: wrongOf(name, seen) };
  if (seen.id === undefined) await record.refusedSilently(refusal, since);
  else await record.refused({ ...refusal, seen });
}

function wrongOf(name: string, seen: Seen): readonly string[] {
  if (name === 'no-context')
    return seen.rows === 0 ? [] : [`${seen.rows ?? 'no count of'} rows without a context: ${seen.note ?? ''}`];
  const steps = seen.steps ?? [];
  const open = steps.filter(({ rows }) => (rows ?? 0) > 0).map(({ step, rows }) => `"${step}" shows ${rows} rows`);
  if (steps.length === 0) return [`the attack did not run: ${seen.note ?? ''}`];
  // A replay is one only if the context that is replayed showed something where it belongs.
  if (name === 'replayed-context' && (seen.rows ?? 0) === 0) return [...open, 'the valid context showed no row'];
  if (
    name === 'forged-context' &&
    steps.some(({ step, code }) => /context/.test(step) && code !== 'DATABASE_CONTEXT_FORGED')
  )
    return [...open, 'a forgery passed without an error'];
  return name === 'role-change' ? [...open, ...changedRoles(steps)] : open;
}

/** What speaks of another role is refused as that, even where it would change nothing. */
function changedRoles(steps: NonNullable<Seen['steps']>): readonly string[] {
  return steps
    .filter(({ step, code }) => /^(RE)?SET (ROLE|SESSION AUTHORIZATION)/.test(step) && code !== 'DATABASE_ROLE_CHANGE')
    .map(({ step, code }) => `"${step}" is answered with ${String(code)}`);
}

async function direct(context: Context, record: Record): Promise<void> {
  const { postgres } = context;
  if (postgres === undefined) return;
  const since = Date.now();
  const seen = await probe(context, SERVICE, { kind: 'direct', ...postgres });
  const wrong = seen.rows === 0 ? [] : [`past the gate: ${JSON.stringify(seen.steps ?? seen.note)}`];
  await record.refusedSilently(
    { name: 'database-direct', expected: 'DATABASE_DIRECT', link: 'database', wrong },
    since,
  );
}
