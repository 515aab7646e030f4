import type { Receipt } from '#chain';
import { SpiffeId } from '#spiffe';
import type { RunningUp } from './running.ts';
import { table } from './table.ts';

/** The one screen that a person sees when everything runs. */
export async function firstScreen(up: RunningUp, now: number): Promise<string> {
  const [status, issued] = await Promise.all([up.admin.status(), up.admin.receipts({ limit: 500, kind: 'identity' })]);
  const domains = status.trustDomains.map(({ name, revision, entries, caExpiresAt }) => [
    name,
    `revision ${revision}`,
    `${entries} entries`,
    `authority until ${time(Number(caExpiresAt) * 1000)}`,
  ]);
  const parts = [
    `Trust domains\n${rows(domains)}`,
    `Identities\n${rows(identities(issued, now))}`,
    up.edge === undefined
      ? ''
      : `Open\n  ${up.edge.http}\n  ${up.edge.https}  (certificate of this machine's own authority)`,
    up.users.length === 0 ? '' : `Sign in as\n${rows(up.users.map((user) => [user.name, user.password, user.try]))}`,
    `Then\n${rows(nextCommands(up))}`,
    'Ctrl-C stops everything.',
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function nextCommands(up: RunningUp): readonly (readonly string[])[] {
  return [
    ['npx hauberk why <X-Request-Id>', 'the chain of a request, hop by hop'],
    ['npx hauberk status', 'trust domains, server and agent'],
    ['npx hauberk entry list', 'who is given which identity'],
    ['npx hauberk ledger verify', 'that no receipt was changed'],
    [`ls ${up.runDirectory}/log`, 'what each process said'],
  ];
}

/** The newest issuance of each SPIFFE ID, in the order of their names. */
function identities(issued: readonly Receipt[], now: number): readonly (readonly string[])[] {
  const newest = new Map<string, Receipt>();
  for (const receipt of issued) {
    const id = receipt.resource ?? receipt.workload;
    if (receipt.effect === 'allow' && id !== undefined && !newest.has(id)) newest.set(id, receipt);
  }
  return [...newest]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, receipt]) => [describe(id), lifetime(receipt, now)]);
}

function describe(id: string): string {
  try {
    return SpiffeId.parse(id).toString();
  } catch {
    return id;
  }
}

function lifetime(receipt: Receipt, now: number): string {
  const until = receipt.detail?.notAfter ?? receipt.detail?.expiresAt;
  const at = typeof until === 'number' ? (until < 1e11 ? until * 1000 : until) : Date.parse(String(until));
  if (!Number.isFinite(at)) return `issued ${time(Date.parse(receipt.startedAt))}`;
  return `for ${Math.round((at - now) / 60_000)} min, until ${time(at)}`;
}

function time(millis: number): string {
  return Number.isFinite(millis) ? `${new Date(millis).toISOString().slice(0, 16).replace('T', ' ')} UTC` : '-';
}

function rows(lines: readonly (readonly string[])[]): string {
  return table([], lines);
}
