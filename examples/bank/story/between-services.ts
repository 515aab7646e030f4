// What the services must refuse each other, and what the agent must refuse a process.
import type { DialAttack, Seen } from '../attacks/seen.ts';
import type { Context } from './context.ts';
import { jsonOf } from './http.ts';
import { leaksNothing, statusIs } from './leaks.ts';
import { type People, requestIdOf } from './people.ts';
import { pause, type Record } from './record.ts';
import { expiryOf, minterRequest, signedAnew, unsigned, withOtherUser } from './tokens.ts';

const A = 'spiffe://bank-a';
const ACCOUNTS = 'bank-a/account-service';
/** Past a token's expiry by more than one tick of a clock of whole seconds. */
const PAST_MILLIS = 1100;

export async function refusedBetweenServices(
  context: Context,
  record: Record,
  people: People,
  accounts: readonly string[],
): Promise<void> {
  const stolen = await steal(context, people);
  for (const attack of dials(people)) await refused(context, record, attack, await steal(context, people));
  await impostor(context, record);
  await otherUsersResource(context, record, people, accounts);
  await unregisteredProcess(context, record);
  await atTheAgent(context, record);
  await pause(Math.max(0, expiryOf(stolen.txnToken) + PAST_MILLIS - Date.now()));
  await refused(context, record, { name: 'expired-token', from: 'bank-a/insider', expected: 'TOKEN_EXPIRED' }, stolen);
}

interface Stolen {
  readonly txnToken: string;
  readonly internalJwt: string;
}

/** What the insider, a second instance of bank-a's gateway that was taken over, hands to the attacker. */
async function steal(context: Context, { alice }: People): Promise<Stolen> {
  const answer = await alice.browser.fetch(`${context.edge.http}/insider/token`);
  const headers: Readonly<globalThis.Record<string, unknown>> = Object(jsonOf(answer.body).headers);
  const authorization = String(headers.authorization ?? '');
  return { txnToken: String(headers['txn-token'] ?? ''), internalJwt: authorization.replace(/^Bearer /, '') };
}

export async function stealToken(context: Context, people: People): Promise<string> {
  return (await steal(context, people)).txnToken;
}

/** One request past the SDK: whose identity it is sent with, to whom, with which token, and how it must be refused. */
interface Attack {
  readonly name: string;
  readonly expected: string;
  readonly from: string;
  readonly certificate?: DialAttack['certificate'];
  /** SPIFFE ID that the refusing service has verified; absent where the connection proves none. */
  readonly peer?: string;
  readonly to?: string;
  readonly path?: string;
  /** What is made of what was stolen; absent: the token itself. */
  readonly token?: (stolen: Stolen) => string;
  readonly tokens?: number;
  readonly status?: number;
}

function dials({ carol }: People): readonly Attack[] {
  const insider = { from: 'bank-a/insider' };
  return [
    { name: 'cross-bank-dial', expected: 'PEER_TRUST_DOMAIN_UNKNOWN', from: 'bank-b/payment-service', peer: '' },
    {
      ...{ name: 'unlisted-caller', expected: 'POLICY_NO_RULE_MATCHES', status: 403 },
      ...{ from: ACCOUNTS, to: 'bank-a/user-service', path: '/profile' },
    },
    { name: 'no-certificate', expected: 'PEER_CERTIFICATE_MISSING', from: '', certificate: 'none', peer: '' },
    {
      ...{ name: 'self-signed-certificate', expected: 'PEER_CHAIN_UNTRUSTED', from: '', peer: '' },
      certificate: { selfSignedAs: `${A}/api-gateway` },
    },
    {
      ...{ name: 'unnamed-platform-workload', expected: 'POLICY_NO_RULE_MATCHES', status: 403 },
      ...{ from: 'platform/stray', peer: 'spiffe://platform.example/stray' },
    },
    {
      ...{ name: 'wrong-audience-token', expected: 'TOKEN_AUDIENCE_MISMATCH' },
      ...{ from: 'bank-b/payment-service', to: 'bank-b/ledger-service', path: '/ledger' },
    },
    {
      ...insider,
      name: 'changed-token',
      expected: 'TOKEN_SIGNATURE_INVALID',
      token: ({ txnToken }) => withOtherUser(txnToken, carol.spiffeId),
    },
    {
      ...insider,
      name: 'resigned-token',
      expected: 'TOKEN_SIGNATURE_INVALID',
      token: ({ txnToken }) => signedAnew(txnToken),
    },
    {
      ...insider,
      name: 'unregistered-minter',
      expected: 'MINTER_UNKNOWN',
      token: ({ txnToken }) => signedAnew(txnToken, 'attacker'),
    },
    {
      ...insider,
      name: 'unsigned-token',
      expected: 'TOKEN_ALGORITHM_REFUSED',
      token: ({ txnToken }) => unsigned(txnToken),
    },
    {
      ...insider,
      name: 'other-kind-of-token',
      expected: 'TOKEN_KIND_MISMATCH',
      token: ({ internalJwt }) => internalJwt,
    },
    { ...insider, name: 'doubled-token', expected: 'TOKEN_DUPLICATED', status: 400, tokens: 2 },
  ];
}

async function refused(context: Context, record: Record, attack: Attack, stolen: Stolen): Promise<void> {
  const { name, expected, from, to = ACCOUNTS, status = 401 } = attack;
  const token = attack.token?.(stolen) ?? stolen.txnToken;
  const seen = await dial(context, attack, token);
  const peer = attack.peer ?? (from === 'bank-a/insider' ? `${A}/api-gateway` : `spiffe://${from}`);
  await record.refused({
    ...{ name, expected, link: 'service', workload: `spiffe://${to}`, seen },
    ...(peer === '' ? {} : { peer }),
    wrong: [...(token === '' ? ['no token was stolen'] : []), ...statusIs(seen, status), ...leaksNothing(seen)],
  });
}

/** A service that asks an impostor sends it nothing: it finds out by itself, before a byte of the request. */
async function impostor(context: Context, record: Record): Promise<void> {
  const seen = await probe(context, 'bank-a/user-service', { kind: 'fetch', url: 'https://impostor/headers' });
  record.expect(seen.code === 'PEER_ID_UNEXPECTED', `a service finds out an impostor: ${JSON.stringify(seen)}`);
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
  const receipts = await record.chain(requestIdOf(answer), (found) => found.some(({ id }) => id === seen.id));
  const deciding = receipts.find(({ kind, effect }) => kind === 'guard' && effect === 'deny');
  // Carol is told the id of the service's refusal, which stands in the same transaction as the decision that it follows from.
  const told = receipts.find(({ id }) => id === seen.id);
  await record.refused({
    name: 'other-users-resource',
    expected: 'RESOURCE_NOT_PERMITTED',
    link: 'guard',
    workload: `${A}/account-service`,
    user: carol.spiffeId,
    seen: { code: seen.code, id: deciding?.id },
    wrong: [
      ...statusIs(answer, 403),
      ...leaksNothing(answer),
      ...(told?.code === seen.code && told?.workload === deciding?.workload ? [] : ['the id told leads elsewhere']),
    ],
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

/** A registered workload is refused too: without the security header, and when it would have its own key mint tokens for its bank. */
async function atTheAgent(context: Context, record: Record): Promise<void> {
  const service = 'bank-a/insider';
  const fetch = { kind: 'agent', method: '/SpiffeWorkloadAPI/FetchX509SVID', message: '' };
  const bare = await probe(context, service, { ...fetch, header: false });
  record.expect(
    bare.code === 'IDENTITY_HEADER_MISSING' && bare.rows === 0,
    `the agent asks for the security header: ${JSON.stringify(bare)}`,
  );
  const honest = await probe(context, service, { ...fetch, header: true });
  record.expect(honest.rows === 1, `the same request with the header is answered: ${JSON.stringify(honest)}`);
  const method = '/hauberk.workload.v1.EnforcementPoint/RegisterMinter';
  const minter = await probe(context, service, {
    kind: 'agent',
    method,
    header: true,
    message: minterRequest('bank-a'),
  });
  record.expect(
    minter.code === 'MINTER_NOT_AUTHORIZED' && minter.rows === 0,
    `the agent registers no minter that the trust domain did not name: ${JSON.stringify(minter)}`,
  );
}

async function dial(context: Context, attack: Attack, token: string): Promise<Seen> {
  const { from, to = ACCOUNTS, path = '/accounts', certificate = 'own', tokens = 1 } = attack;
  const endpoint = context.services[to];
  if (endpoint === undefined) return { note: `no service ${to}` };
  const { host, port } = endpoint;
  const headers = Array.from({ length: tokens }, () => ['Txn-Token', token] as const);
  const request: DialAttack = { kind: 'dial', host, port, certificate, method: 'GET', path, headers };
  return probe(context, from === '' ? undefined : from, request);
}

export async function probe(context: Context, service: string | undefined, attack: object): Promise<Seen> {
  const who = service === undefined ? {} : { service };
  const { stdout, status } = await context.runAs({ ...who, module: 'attacks/probe.ts', stdin: JSON.stringify(attack) });
  const seen = jsonOf(stdout);
  return Object.keys(seen).length === 0 ? { note: `the probe ended with ${status}` } : seen;
}
