// What the services must refuse each other, and what the agent must refuse a process.
import type { DialAttack, Seen } from '../attacks/seen.ts';
import { leaksNothing, statusIs } from './at-the-edge.ts';
import type { Context } from './context.ts';
import { jsonOf } from './http.ts';
import { type People, requestIdOf } from './people.ts';
import { pause, type Record } from './record.ts';

const A = 'spiffe://bank-a';
const B = 'spiffe://bank-b';
/** Longer than the lifetime that edge.yaml gives a Txn-Token. */
const TOKEN_MILLIS = 11_000;

export async function refusedBetweenServices(
  context: Context,
  record: Record,
  people: People,
  accounts: readonly string[],
): Promise<void> {
  const stolen = await stealToken(context, people);
  const stolenAt = performance.now();
  await dials(context, record, stolen);
  await otherUsersResource(context, record, people, accounts);
  await unregisteredProcess(context, record);
  await pause(Math.max(0, stolenAt + TOKEN_MILLIS - performance.now()));
  await expiredToken(context, record, stolen);
}

/** What the insider, a second instance of bank-a's gateway that was taken over, hands to the attacker. */
export async function stealToken(context: Context, { alice }: People): Promise<string> {
  const answer = await alice.browser.fetch(`${context.edge.http}/insider/token`);
  const headers = jsonOf(answer.body).headers;
  const token =
    typeof headers === 'object' && headers !== null && 'txn-token' in headers ? headers['txn-token'] : undefined;
  return typeof token === 'string' ? token : '';
}

async function dials(context: Context, record: Record, token: string): Promise<void> {
  const account = `${A}/account-service`;
  const crossBank = await dial(context, 'bank-b/payment-service', 'bank-a/account-service', '/accounts', token);
  await record.refused({
    name: 'cross-bank-dial',
    expected: 'PEER_TRUST_DOMAIN_UNKNOWN',
    link: 'service',
    workload: account,
    seen: crossBank,
    wrong: [...statusIs(crossBank, 401), ...leaksNothing(crossBank)],
  });
  const unlisted = await dial(context, 'bank-a/account-service', 'bank-a/user-service', '/profile', token);
  await record.refused({
    name: 'unlisted-caller',
    expected: 'POLICY_NO_RULE_MATCHES',
    link: 'service',
    workload: `${A}/user-service`,
    peer: account,
    seen: unlisted,
    wrong: [...statusIs(unlisted, 403), ...leaksNothing(unlisted)],
  });
  const bare = await dial(context, undefined, 'bank-a/account-service', '/accounts', token);
  await record.refused({
    name: 'no-certificate',
    expected: 'PEER_CERTIFICATE_MISSING',
    link: 'service',
    workload: account,
    seen: bare,
    wrong: [...statusIs(bare, 401), ...leaksNothing(bare)],
  });
  const stray = await dial(context, 'platform/stray', 'bank-a/account-service', '/accounts', token);
  await record.refused({
    name: 'unnamed-platform-workload',
    expected: 'POLICY_NO_RULE_MATCHES',
    link: 'service',
    workload: account,
    peer: 'spiffe://platform.example/stray',
    seen: stray,
    wrong: [...statusIs(stray, 403), ...leaksNothing(stray)],
  });
  const elsewhere = await dial(context, 'bank-b/payment-service', 'bank-b/ledger-service', '/ledger', token);
  await record.refused({
    name: 'wrong-audience-token',
    expected: 'TOKEN_AUDIENCE_MISMATCH',
    link: 'service',
    workload: `${B}/ledger-service`,
    peer: `${B}/payment-service`,
    seen: elsewhere,
    wrong: [...statusIs(elsewhere, 401), ...leaksNothing(elsewhere)],
  });
}

async function expiredToken(context: Context, record: Record, token: string): Promise<void> {
  const late = await dial(context, 'bank-a/insider', 'bank-a/account-service', '/accounts', token);
  await record.refused({
    name: 'expired-token',
    expected: 'TOKEN_EXPIRED',
    link: 'service',
    workload: `${A}/account-service`,
    peer: `${A}/api-gateway`,
    seen: late,
    wrong: [...(token === '' ? ['no token was stolen'] : []), ...statusIs(late, 401), ...leaksNothing(late)],
  });
}

/** Carol asks for alice's account: her workloads may serve her, but not with somebody else's account. */
async function otherUsersResource(
  context: Context,
  record: Record,
  { carol }: People,
  accounts: readonly string[],
): Promise<void> {
  const answer = await carol.browser.fetch(`${context.edge.http}/bank-a/accounts/${accounts[0] ?? 'none'}`);
  const seen = jsonOf(answer.body);
  const receipts = await record.chain(requestIdOf(answer), (found) => found.some(({ kind }) => kind === 'guard'));
  const deciding = receipts.find(({ kind, effect }) => kind === 'guard' && effect === 'deny');
  await record.refused({
    name: 'other-users-resource',
    expected: 'RESOURCE_NOT_PERMITTED',
    link: 'guard',
    workload: `${A}/account-service`,
    user: carol.spiffeId,
    seen: { code: seen.code, id: deciding?.id ?? seen.id },
    wrong: [...statusIs(answer, 403), ...leaksNothing(answer)],
  });
}

/** It is told a code, its own selectors and an id. */
async function unregisteredProcess(context: Context, record: Record): Promise<void> {
  const seen = await probe(context, undefined, { kind: 'identity' });
  const selectors = Object(seen.details).selectors;
  const text = JSON.stringify(seen.details ?? {});
  await record.refused({
    name: 'unregistered-process',
    expected: 'IDENTITY_NO_ENTRY',
    link: 'workload-api',
    seen,
    wrong: [
      ...(Array.isArray(selectors) && selectors.length > 0 ? [] : ['the process was not told its selectors']),
      ...(/spiffe:\/\//.test(text) ? ['the process was told of entries'] : []),
    ],
  });
}

async function dial(
  context: Context,
  service: string | undefined,
  target: string,
  path: string,
  token: string,
): Promise<Seen> {
  const endpoint = context.services[target];
  if (endpoint === undefined) return { note: `no service ${target}` };
  const attack: DialAttack = {
    kind: 'dial',
    host: endpoint.host,
    port: endpoint.port,
    certificate: service !== undefined,
    method: 'GET',
    path,
    headers: [['Txn-Token', token]],
  };
  return probe(context, service, attack);
}

export async function probe(context: Context, service: string | undefined, attack: object): Promise<Seen> {
  const who = service === undefined ? {} : { service };
  const { stdout, status } = await context.runAs({ ...who, module: 'attacks/probe.ts', stdin: JSON.stringify(attack) });
  const seen = jsonOf(stdout);
  return Object.keys(seen).length === 0 ? { note: `the probe ended with ${status}` } : seen;
}
