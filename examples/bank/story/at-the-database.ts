// What the database must refuse, through the gate and past it. Every step of an attack is held against the ledger, not only its first.
import type { DatabaseAttack, Seen } from '../attacks/seen.ts';
import { probe, stealToken } from './between-services.ts';
import type { Context } from './context.ts';
import { databaseLeaksNothing } from './leaks.ts';
import type { People } from './people.ts';
import type { Record } from './record.ts';
import { expiryOf } from './tokens.ts';

const ACCOUNTS = 'bank-a/account-service';
const USERS = 'bank-a/user-service';
/** Past a token's expiry by more than one tick of a clock of whole seconds. */
const PAST_MILLIS = 1100;

interface Step extends Seen {
  readonly step: string;
}

export async function refusedAtTheDatabase(context: Context, record: Record, people: People): Promise<void> {
  const attacker = new Attacker(context, record, people);
  // It waits for its token to expire: the others are tried meanwhile.
  const expired = attacker.expiredContext();
  await attacker.noContext();
  await attacker.forgedContext();
  await attacker.replayedContext();
  await attacker.roleChange();
  await attacker.noCertificate();
  await attacker.unmappedWorkload();
  await attacker.foreignToken();
  await direct(context, record);
  await expired;
}

/** A service that was taken over, with a token of alice's, and what it tries in SQL. */
class Attacker {
  readonly #context: Context;
  readonly #record: Record;
  readonly #people: People;

  constructor(context: Context, record: Record, people: People) {
    this.#context = context;
    this.#record = record;
    this.#people = people;
  }

  async noContext(): Promise<void> {
    const since = Date.now();
    const seen = await this.#attack('no-context');
    const wrong = seen.rows === 0 ? [] : [`${seen.rows ?? 'no count of'} rows without a context: ${seen.note ?? ''}`];
    const { credentialSeconds: seconds } = seen;
    this.#record.expect(
      typeof seconds === 'number' && seconds > 0 && seconds <= 15 * 60,
      `the credential of a connection ends within 15 minutes: in ${String(seconds)} s`,
    );
    const expected = 'DATABASE_NO_CONTEXT';
    const refusal = { name: 'database-no-context', expected, link: 'database', peer: peerOf(ACCOUNTS), wrong };
    await this.#record.refusedSilently(refusal, since);
  }

  async forgedContext(): Promise<void> {
    const { steps = [] } = await this.#attack('forged-context');
    const forgeries = steps.filter(({ step }) => !step.includes('hauberk.user_id'));
    await this.#all('forged-context', 'DATABASE_CONTEXT_FORGED', forgeries, [
      ...open(steps),
      // A setting of another name is no context at all: it opens nothing, and is no error.
      ...(steps.length === forgeries.length + 1 ? [] : ['not every forgery was tried']),
    ]);
  }

  /** In the next transaction, on another connection while the first still holds it, and as another role. */
  async replayedContext(): Promise<void> {
    const first = await this.#attack('replayed-context');
    const context = first.context ?? '';
    const other = await this.#attack('carried-context', { context, table: 'profiles' }, USERS);
    const steps = [...(first.steps ?? []), ...(other.steps ?? [])];
    await this.#all('replayed-context', 'DATABASE_CONTEXT_REPLAYED', first.steps ?? [], [
      ...open(steps),
      // A replay is one only if the context that is replayed showed something where it belongs.
      ...((first.rows ?? 0) > 0 && context !== '' ? [] : ['the valid context showed no row']),
      ...(await this.#unlike(other.steps ?? [], 'DATABASE_CONTEXT_REPLAYED', peerOf(USERS))),
      ...(steps.length === 3 ? [] : [`${steps.length} replays were tried, not 3`]),
    ]);
  }

  async roleChange(): Promise<void> {
    const { steps = [] } = await this.#attack('role-change');
    const rights = steps.filter(({ step }) => /^(CREATE|ALTER|DO) /.test(step));
    const unsecured = steps.filter(({ step }) => step.includes('row_security'));
    const changes = steps.filter((step) => !rights.includes(step) && !unsecured.includes(step));
    await this.#all('role-change', 'DATABASE_ROLE_CHANGE', changes, [
      ...open(steps),
      ...(await this.#unlike(rights, 'DATABASE_ACCESS_DENIED')),
      ...(await this.#unlike(unsecured, 'DATABASE_NO_CONTEXT')),
    ]);
  }

  async expiredContext(): Promise<void> {
    const token = await stealToken(this.#context, this.#people);
    const waitMillis = expiryOf(token) - Date.now() + PAST_MILLIS;
    const seen = await this.#attack('expired-context', { token, waitMillis });
    await this.#all('expired-context', 'DATABASE_CONTEXT_EXPIRED', (seen.steps ?? []).slice(1), [
      ...((seen.rows ?? 0) > 0 ? [] : [`the context showed no row while it was valid: ${seen.note ?? ''}`]),
      ...open((seen.steps ?? []).slice(1)),
    ]);
  }

  /** A client of PostgreSQL that asks the gate for a role by its name and a password, as it would ask any server. */
  async noCertificate(): Promise<void> {
    const gate = this.#context.services['platform/gate'];
    const seen = await probe(this.#context, undefined, { kind: 'direct', ...gate, tls: true, database: 'bank' });
    const wrong = open(seen.steps ?? []);
    await this.#all('no-certificate', 'PEER_CERTIFICATE_MISSING', seen.steps ?? [], wrong, '');
  }

  /** A workload that may carry alice's token, but that no line of the gate's document names. */
  async unmappedWorkload(): Promise<void> {
    const seen = await this.#attack('no-context', {}, 'bank-a/insider');
    const steps = [{ ...seen, step: 'connect' }];
    await this.#all('unmapped-workload', 'DATABASE_ROLE_UNMAPPED', steps, [], 'spiffe://bank-a/api-gateway');
  }

  /** Alice's token in the hands of the other bank's service. */
  async foreignToken(): Promise<void> {
    const service = 'bank-b/ledger-service';
    const seen = await this.#attack('forged-context', { table: 'ledger_entries' }, service);
    const steps = (seen.steps ?? []).slice(-1);
    await this.#all('foreign-token', 'TOKEN_AUDIENCE_MISMATCH', steps, open(seen.steps ?? []), peerOf(service));
  }

  async #attack(name: DatabaseAttack['name'], more: Partial<DatabaseAttack> = {}, service = ACCOUNTS): Promise<Seen> {
    const token = more.token ?? (await stealToken(this.#context, this.#people));
    const attack = { kind: 'database', name, token, database: 'bank', table: 'accounts', ...more };
    return probe(this.#context, service, attack);
  }

  /** The refusal holds when every step was told the code, and the ledger says the same of each. */
  async #all(
    name: string,
    expected: string,
    steps: readonly Step[],
    wrong: readonly string[],
    peer = peerOf(ACCOUNTS),
  ): Promise<void> {
    const [first, ...others] = steps;
    await this.#record.refused({
      name: `database-${name}`,
      expected,
      link: 'database',
      ...(peer === '' ? {} : { peer }),
      seen: first ?? {},
      wrong: [
        ...wrong,
        ...(first === undefined ? ['the attack did not run'] : databaseLeaksNothing(first)),
        ...(others.length === 0 ? [] : await this.#unlike(others, expected, peer)),
      ],
    });
  }

  async #unlike(steps: readonly Step[], expected: string, peer = peerOf(ACCOUNTS)): Promise<readonly string[]> {
    const wrong = await Promise.all(
      steps.map(async (seen) => {
        const found = await this.#record.differences({
          ...{ expected, link: 'database', seen },
          ...(peer === '' ? {} : { peer }),
        });
        return [...found, ...databaseLeaksNothing(seen)].map((problem) => `"${seen.step}": ${problem}`);
      }),
    );
    return steps.length === 0 ? [`nothing was refused with ${expected}`] : wrong.flat();
  }
}

function peerOf(service: string): string {
  return `spiffe://${service}`;
}

function open(steps: readonly Step[]): readonly string[] {
  return steps.filter(({ rows }) => (rows ?? 0) > 0).map(({ step, rows }) => `"${step}" shows ${rows} rows`);
}

/** Past the gate: nobody who is not the gate has a password, and the gate's own do not leave it. */
async function direct(context: Context, record: Record): Promise<void> {
  const { postgres } = context;
  if (postgres === undefined) return;
  // Of a server whose log is not ours the ledger says what the gate was told when it tried the door, as it opened.
  const since = postgres.refusals === 'log' ? Date.now() : 0;
  const seen = await probe(context, ACCOUNTS, { kind: 'direct', ...postgres });
  const steps = seen.steps ?? [];
  // 28P01: wrong password; 28000: this role may not come in at all.
  const admitted = steps.filter(({ code }) => code !== '28P01' && code !== '28000');
  const wrong = [
    ...(steps.length === 0 ? [`the attack did not run: ${seen.note ?? ''}`] : []),
    ...admitted.map(({ step, code, note }) => `"${step}" is answered with ${String(code ?? note)}`),
  ];
  const expected = 'DATABASE_DIRECT';
  await record.refusedSilently({ name: 'database-direct', expected, link: 'database', wrong }, since);
}
