import { Fault } from '#kernel';
import { parseSelector, SpiffeId } from '#spiffe';
import type { EntryResource } from '#wire';
import type { AgentRecord } from './store.ts';

/** The rules for a registration entry. Throws `ENTRY_INVALID`, naming the rule. */
export function validateEntry(trustDomain: string, userPath: string, body: unknown): asserts body is EntryResource {
  if (!isEntryShape(body)) throw entryFault('it needs id, spiffeId, parentId and selectors');
  const id = parse(body.spiffeId);
  const parent = parse(body.parentId);
  if (id.trustDomain !== trustDomain || parent.trustDomain !== trustDomain)
    throw entryFault('its ids are of another trust domain');
  if (id.path === '') throw entryFault('the id of the trust domain itself is not given to workloads');
  if (id.path === '/spire' || id.isUnder('/spire/')) throw entryFault('paths under /spire are for agents and servers');
  if (id.isUnder(userPath)) throw entryFault(`paths under ${userPath} are for users`);
  if (body.selectors.length === 0) throw entryFault('it needs at least one selector');
  for (const selector of body.selectors) parseSelector(selector);
  if (!/^[A-Za-z0-9._-]{1,255}$/.test(body.id))
    throw entryFault('its entry id has 1 to 255 characters of a-z 0-9 . _ -');
  if (body.x509SvidTtlSeconds !== undefined && !(body.x509SvidTtlSeconds > 0))
    throw entryFault('its lifetime is not positive');
}

/** Entries that an agent may serve: the descendants of its id and of its alias, by parent. */
export function entriesOfAgent(agent: AgentRecord, entries: readonly EntryResource[]): readonly EntryResource[] {
  const known = new Set([agent.id, ...(agent.alias === undefined ? [] : [agent.alias])]);
  const found = new Map<string, EntryResource>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const entry of entries) {
      if (found.has(entry.id) || !known.has(entry.parentId)) continue;
      found.set(entry.id, entry);
      known.add(entry.spiffeId);
      grew = true;
    }
  }
  return [...found.values()];
}

function isEntryShape(value: unknown): value is EntryResource {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof EntryResource, unknown>>;
  const strings = [entry.id, entry.spiffeId, entry.parentId].every((field) => typeof field === 'string');
  return strings && Array.isArray(entry.selectors) && entry.selectors.every((selector) => typeof selector === 'string');
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

function entryFault(rule: string): Fault {
  return new Fault('ENTRY_INVALID', `the registration entry is not acceptable: ${rule}`);
}
