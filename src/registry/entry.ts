import { Fault, LIMITS } from '#kernel';
import { parseSelector, SpiffeId } from '#spiffe';
import type { EntryResource } from '#wire';

/** Parent of node entries (SPIRE): the server stands above every node. */
export function nodeParent(trustDomain: string): string {
  return `spiffe://${trustDomain}/spire/server`;
}

/** An entry as it comes to stand: parsed, in one order of fields, its flags present only when they hold. Throws `ENTRY_INVALID`, naming the rule. */
export function parseEntry(trustDomain: string, userPath: string, body: unknown): EntryResource {
  if (!isEntryShape(body)) throw entryFault('it needs id, spiffeId, parentId and selectors');
  assertIds(trustDomain, userPath, body);
  assertBounds(body);
  const selectors = [...new Set(body.selectors)];
  const { x509SvidTtlSeconds, jwtSvidTtlSeconds, dnsNames, federatesWith, hint, priority, owner, appliedSet } = body;
  return {
    id: body.id,
    spiffeId: body.spiffeId,
    parentId: body.parentId,
    selectors,
    ...(positive(x509SvidTtlSeconds) ? { x509SvidTtlSeconds } : {}),
    ...(positive(jwtSvidTtlSeconds) ? { jwtSvidTtlSeconds } : {}),
    ...(filled(dnsNames) ? { dnsNames } : {}),
    ...(filled(federatesWith) ? { federatesWith: [...new Set(federatesWith)] } : {}),
    ...(hint === undefined || hint === '' ? {} : { hint }),
    ...(priority === undefined || priority === 0 ? {} : { priority }),
    ...(body.admin === true ? { admin: true } : {}),
    ...(body.downstream === true ? { downstream: true } : {}),
    ...(body.storeSvid === true ? { storeSvid: true } : {}),
    ...(body.jwtSvidJti === true ? { jwtSvidJti: true } : {}),
    ...(body.disableX509SvidPrefetch === true ? { disableX509SvidPrefetch: true } : {}),
    ...(positive(body.expiresAt) ? { expiresAt: body.expiresAt } : {}),
    ...(positive(body.createdAt) ? { createdAt: body.createdAt } : {}),
    ...(owner === undefined || owner === '' ? {} : { owner }),
    ...(appliedSet === undefined ? {} : { appliedSet }),
  };
}

/** Entries of one identity under one parent with the same selectors are the same entry, whatever their ids. */
export function isSameEntry(a: EntryResource, b: EntryResource): boolean {
  if (a.spiffeId !== b.spiffeId || a.parentId !== b.parentId || a.selectors.length !== b.selectors.length) return false;
  const selectors = new Set(a.selectors);
  return b.selectors.every((selector) => selectors.has(selector));
}

export function isLive(entry: EntryResource, nowSeconds: number): boolean {
  return entry.expiresAt === undefined || nowSeconds < entry.expiresAt;
}

export function entryFault(rule: string, details: Fault['details'] = {}): Fault {
  return new Fault('ENTRY_INVALID', `the registration entry is not acceptable: ${rule}`, { details });
}

function assertIds(trustDomain: string, userPath: string, body: EntryResource): void {
  if (!/^[A-Za-z0-9._-]{1,255}$/.test(body.id))
    throw entryFault('its entry id has 1 to 255 characters of a-z 0-9 . _ -');
  const id = parse(body.spiffeId);
  const parent = parse(body.parentId);
  if (id.trustDomain !== trustDomain || parent.trustDomain !== trustDomain)
    throw entryFault('its ids are of another trust domain');
  if (id.path === '') throw entryFault('the id of the trust domain itself is not given to workloads');
  if (parent.path === '') throw entryFault('the id of the trust domain itself is no parent');
  if (id.path === '/spire' || id.isUnder('/spire/')) throw entryFault('paths under /spire are for agents and servers');
  if (id.isUnder(userPath)) throw entryFault(`paths under ${userPath} are for users`);
}

function assertBounds(body: EntryResource): void {
  const { selectors, federatesWith, dnsNames, hint } = body;
  if (selectors.length === 0) throw entryFault('it needs at least one selector');
  if (selectors.length > LIMITS.entrySelectors.value) throw entryFault('it has too many selectors');
  for (const selector of selectors) assertSelector(selector);
  assertStorable(body);
  if (Buffer.byteLength(hint ?? '') > LIMITS.entryHintBytes.value) throw entryFault('its hint has at most 1024 bytes');
  for (const [what, list] of [
    ['DNS names', dnsNames],
    ['federated trust domains', federatesWith],
  ] as const)
    if ((list?.length ?? 0) > LIMITS.entryNames.value) throw entryFault(`it has too many ${what}`);
  for (const field of ['x509SvidTtlSeconds', 'jwtSvidTtlSeconds', 'expiresAt', 'createdAt', 'priority'] as const) {
    const value = body[field];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value)) throw entryFault(`its ${field} is no whole number`);
    if (value < 0 && field !== 'priority') throw entryFault(`its ${field} is negative`);
  }
}

/** What SVIDStore plugins keep is issued ahead, and its selectors are of one platform, as in SPIRE. */
function assertStorable({ storeSvid, disableX509SvidPrefetch, selectors }: EntryResource): void {
  if (storeSvid !== true) return;
  if (disableX509SvidPrefetch === true) throw entryFault('what is stored cannot do without prefetching');
  if (new Set(selectors.map((selector) => parseSelector(selector).type)).size > 1)
    throw entryFault('the selectors of an entry that is stored are of one type');
}

function assertSelector(selector: string): void {
  try {
    if (Buffer.byteLength(selector) > LIMITS.selectorBytes.value) throw entryFault('a selector of it is too long');
    parseSelector(selector);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'ENTRY_INVALID') throw cause;
    throw new Fault('ENTRY_INVALID', 'the registration entry is not acceptable: a selector of it is not type:value', {
      cause,
    });
  }
}

function positive(value: number | undefined): value is number {
  return value !== undefined && value > 0;
}

function filled(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}

const OPTIONAL = {
  x509SvidTtlSeconds: 'number',
  jwtSvidTtlSeconds: 'number',
  hint: 'string',
  priority: 'number',
  admin: 'boolean',
  downstream: 'boolean',
  storeSvid: 'boolean',
  jwtSvidJti: 'boolean',
  disableX509SvidPrefetch: 'boolean',
  expiresAt: 'number',
  createdAt: 'number',
  owner: 'string',
  appliedSet: 'string',
} as const;

function isEntryShape(value: unknown): value is EntryResource {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof EntryResource, unknown>>;
  const named = [entry.id, entry.spiffeId, entry.parentId].every((field) => typeof field === 'string');
  const listed =
    isTexts(entry.selectors) &&
    (entry.dnsNames === undefined || isTexts(entry.dnsNames)) &&
    (entry.federatesWith === undefined || isTexts(entry.federatesWith));
  const optional = Object.entries(OPTIONAL).every(([field, type]) => {
    const given = entry[field as keyof typeof OPTIONAL];
    return given === undefined || typeof given === type;
  });
  return named && listed && optional;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function parse(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (cause) {
    throw new Fault('ENTRY_INVALID', 'the registration entry is not acceptable: an id of it is no SPIFFE ID', {
      cause,
    });
  }
}
