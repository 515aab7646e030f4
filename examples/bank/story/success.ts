// What must succeed, and what each hop of it must have proven.
import type { Context, Receipt } from './context.ts';
import { jsonOf } from './http.ts';
import { type People, type Person, requestIdOf } from './people.ts';
import type { Record } from './record.ts';

type Hop = readonly [kind: string, workload: string, peer?: string];

const EDGE = 'spiffe://platform.example/edge';
const GATE = 'spiffe://platform.example/gate';
const A = 'spiffe://bank-a';
const B = 'spiffe://bank-b';

const PROFILE: readonly Hop[] = [
  ['edge', EDGE],
  ['service', `${A}/api-gateway`, EDGE],
  ['service', `${A}/user-service`, `${A}/api-gateway`],
  ['guard', `${A}/user-service`],
  ['database', GATE, `${A}/user-service`],
  ['service', `${A}/account-service`, `${A}/user-service`],
  ['guard', `${A}/account-service`],
  ['database', GATE, `${A}/account-service`],
];

const ACCOUNTS: readonly Hop[] = [
  ['edge', EDGE],
  ['service', `${A}/api-gateway`, EDGE],
  ['service', `${A}/account-service`, `${A}/api-gateway`],
  ['guard', `${A}/account-service`],
  ['database', GATE, `${A}/account-service`],
];

const PAYMENT: readonly Hop[] = [
  ['edge', EDGE],
  ['service', `${B}/api-gateway`, EDGE],
  ['service', `${B}/payment-service`, `${B}/api-gateway`],
  ['guard', `${B}/payment-service`],
  ['database', GATE, `${B}/payment-service`],
  ['service', `${B}/ledger-service`, `${B}/payment-service`],
  ['guard', `${B}/ledger-service`],
  ['database', GATE, `${B}/ledger-service`],
];

/** Alice reads her own profile and accounts. Hands back her accounts' ids, as the bank told her. */
export async function aliceReads(context: Context, record: Record, { alice }: People): Promise<readonly string[]> {
  await walk(context, record, alice, '/bank-a/profile', PROFILE);
  const accounts = await walk(context, record, alice, '/bank-a/accounts', ACCOUNTS);
  const ids = findAccountIds(accounts);
  record.expect(ids.length > 0, 'alice sees accounts of her own');
  return ids;
}

/** Bob pays; the payment is in the ledger exactly once. */
export async function bobPays(context: Context, record: Record, { bob }: People): Promise<void> {
  const reference = `check-${Date.now()}`;
  const body = JSON.stringify({ to: 'rent', amountCents: 1250, amount: 1250, reference });
  await walk(context, record, bob, '/bank-b/payments', PAYMENT, { method: 'POST', body });
  const ledger = await bob.browser.fetch(`${context.edge.http}/bank-b/ledger`);
  const times = ledger.body.split(reference).length - 1;
  record.expect(times === 1, `bob's payment is in the ledger exactly once: it is there ${times} times`);
}

async function walk(
  context: Context,
  record: Record,
  person: Person,
  path: string,
  hops: readonly Hop[],
  asked: { readonly method?: string; readonly body?: string } = {},
): Promise<Readonly<globalThis.Record<string, unknown>>> {
  const what = `${person.name} at ${path}`;
  const answer = await person.browser.fetch(`${context.edge.http}${path}`, asked);
  record.expect(
    answer.status === 200 || answer.status === 201,
    `${what}: answered ${answer.status} ${answer.body.slice(0, 200)}`,
  );
  const txn = requestIdOf(answer);
  const receipts = await record.chain(txn, (found) => hops.every((hop) => findHop(found, hop) !== undefined));
  record.keep(receipts);
  record.expect(
    receipts.length === hops.length,
    `${what}: the chain has ${hops.length} links: it has ${receipts.map(({ kind }) => kind).join(' ')}`,
  );
  for (const hop of hops) expectHop(record, person, what, hop, findHop(receipts, hop));
  for (const receipt of receipts) {
    record.expect(
      receipt.effect === 'allow' && receipt.code === 'ALLOWED' && receipt.txn === txn,
      `${what}: ${receipt.kind} ${receipt.code} is part of the chain`,
    );
  }
  expectObserved(record, what, receipts, jsonOf(answer.body));
  return jsonOf(answer.body);
}

function findHop(receipts: readonly Receipt[], [kind, workload, peer]: Hop): Receipt | undefined {
  return receipts.find((found) => {
    return found.kind === kind && found.workload === workload && (peer === undefined || found.peer === peer);
  });
}

function expectHop(
  record: Record,
  person: Person,
  what: string,
  [kind, workload, peer]: Hop,
  receipt: Receipt | undefined,
): void {
  const hop = `${what}: ${kind} ${workload}${peer === undefined ? '' : ` ← ${peer}`}`;
  record.expect(receipt !== undefined, `${hop} is in the ledger`);
  if (receipt === undefined) return;
  const tenant = person.name.slice(person.name.indexOf('@') + 1);
  record.expect(receipt.user === person.spiffeId, `${hop}: user is ${person.spiffeId}, not ${receipt.user}`);
  record.expect(receipt.tenant === tenant, `${hop}: tenant is ${tenant}, not ${receipt.tenant}`);
  record.expect((receipt.rule ?? '') !== '', `${hop}: a rule is named`);
  record.expect((receipt.proof ?? '') !== '' || kind === 'guard', `${hop}: a proof is named`);
  record.expect(
    receipt.via?.includes(workload) === true,
    `${hop}: the agent attests ${workload}, not ${receipt.via?.join(' ')}`,
  );
}

/**
 * What edge, services and database observed must be what the ledger holds: each receipt of a service, a guard or the database has
 * exactly one observation that says the same, and no observation is without a receipt.
 */
function expectObserved(record: Record, what: string, receipts: readonly Receipt[], body: unknown): void {
  const left = [...findSeen(body)];
  for (const receipt of receipts.filter(({ kind }) => kind !== 'edge')) {
    const at = left.findIndex((seen) => differences(seen, receipt).length === 0);
    const near = left.filter((seen) => seen.kind === receipt.kind).map((seen) => differences(seen, receipt).join(', '));
    record.expect(
      at >= 0,
      `${what}: ${receipt.kind} ${receipt.workload} ← ${receipt.peer} was observed as the ledger says: ${near.join(' | ')}`,
    );
    if (at >= 0) left.splice(at, 1);
  }
  record.expect(left.length === 0, `${what}: observed but not in the ledger: ${JSON.stringify(left)}`);
}

type Observation = Readonly<globalThis.Record<string, unknown>>;

/** The database cannot know which gate stands before it; everything else that was observed must be said alike. */
function differences(seen: Observation, receipt: Receipt): readonly string[] {
  const { kind, workload, peer, user, tenant, txn, action, resource } = receipt;
  const always = { kind, peer, user, tenant, txn };
  const said: Observation =
    kind === 'guard'
      ? { ...always, workload, action, resource }
      : kind === 'service'
        ? { ...always, workload }
        : always;
  return Object.entries(said)
    .filter(([key, value]) => value === undefined || seen[key] !== value)
    .map(([key, value]) => `${key} ${String(seen[key])}, not ${String(value)}`);
}

function findSeen(body: unknown): readonly Observation[] {
  const { seen } = Object(body);
  return Array.isArray(seen) ? seen.map((one: unknown): Observation => Object(one)) : [];
}

function findAccountIds(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(findAccountIds);
  if (typeof value !== 'object' || value === null) return [];
  const accounts = 'accounts' in value ? value.accounts : undefined;
  if (!Array.isArray(accounts)) return [];
  return accounts.map((account) => String(Object(account).id)).filter((id) => id !== 'undefined');
}
