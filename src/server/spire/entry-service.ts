import { randomUUID } from 'node:crypto';
import { Fault } from '#kernel';
import { type HeldEntry, isSameEntry } from '#registry';
import type { ServiceBinding } from '#rpc';
import {
  type BatchCreateEntryResponse_Result,
  type BatchUpdateEntryResponse_Result,
  EntryDefinition,
  type SyncAuthorizedEntriesRequest,
  type SyncAuthorizedEntriesResponse,
} from '#wire/gen/spire/api/server/entry';
import type { Entry, EntryMask } from '#wire/gen/spire/api/types';
import { bodyBytes } from '../body-json.ts';
import { inPages } from '../pages.ts';
import { writeBatch } from './batch.ts';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { decodeEntry, decodeEntryFilter, encodeEntry } from './message/entry.ts';
import { pageOf } from './message/page.ts';
import { OK } from './status.ts';

const REVISION_BYTES = 64;

/** `spire.api.server.entry.v1.Entry`: the registry's entries, as operators write them and as agents are given them. */
export function entryService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state } = gate;
  const { registry } = state;
  const entriesOf = ({ agent }: Admitted): readonly HeldEntry[] =>
    agent === undefined ? [] : registry.entriesOfAgent(agent).toSorted((a, b) => (a.body.id < b.body.id ? -1 : 1));
  return bindSpire(gate, EntryDefinition, {
    countEntries: async ({ filter }, { caller: { trustDomain } }) => ({
      count:
        filter === undefined
          ? registry.entryCount(trustDomain)
          : registry.filterEntries(trustDomain, decodeEntryFilter(trustDomain, filter)).length,
    }),
    listEntries: async ({ filter, outputMask, pageSize, pageToken }, { caller: { trustDomain } }) => {
      const found = registry.filterEntries(trustDomain, decodeEntryFilter(trustDomain, filter));
      const { items, next } = pageOf(found, {
        size: pageSize,
        token: pageToken,
        keyOf: ({ body }) => body.id,
        bytesOf,
      });
      return { entries: items.map((entry) => encodeEntry(entry, outputMask)), nextPageToken: next };
    },
    getEntry: async ({ id, outputMask }, { caller: { trustDomain } }) => {
      if (id === '') throw new Fault('ARGUMENT_INVALID', 'missing ID');
      const entry = registry.findEntry(trustDomain, id);
      if (entry === undefined) throw new Fault('NOT_FOUND', 'entry not found');
      return encodeEntry(entry, outputMask);
    },
    batchCreateEntry: async ({ entries, outputMask }, { caller }) => ({
      results: await createEntries(gate, caller, entries, outputMask),
    }),
    batchUpdateEntry: async ({ entries, inputMask, outputMask }, { caller }) => ({
      results: await updateEntries(gate, caller, { entries, inputMask, outputMask }),
    }),
    batchDeleteEntry: async ({ ids }, { caller }) => {
      const statuses = await writeBatch(gate, caller, ids, (draft, id) => {
        if (id === '') throw new Fault('ARGUMENT_INVALID', 'missing entry ID');
        if (draft.find('Entry', caller.trustDomain, id) === undefined) throw new Fault('NOT_FOUND', 'entry not found');
        draft.add(caller.trustDomain, { kind: 'Entry', key: id, body: null });
      });
      return { results: ids.map((id, index) => ({ id, status: statuses[index] })) };
    },
    getAuthorizedEntries: async ({ outputMask }, { caller }) => ({
      entries: entriesOf(caller).map((entry) => encodeEntry(entry, outputMask)),
    }),
    syncAuthorizedEntries: (requests, { caller }) => syncEntries(requests, () => entriesOf(caller)),
  });
}

async function createEntries(
  gate: Gate,
  caller: Admitted,
  entries: readonly Entry[],
  outputMask: EntryMask | undefined,
): Promise<BatchCreateEntryResponse_Result[]> {
  const { trustDomain } = caller;
  const ids = entries.map(({ id }) => (id === '' ? randomUUID() : id));
  const existing = new Map<number, string>();
  const statuses = await writeBatch(gate, caller, entries, (draft, message, index) => {
    existing.delete(index);
    const id = ids[index] ?? '';
    const entry = decodeEntry(trustDomain, message, { id });
    const holder = draft.find<HeldEntry['body']>('Entry', trustDomain, id);
    if (holder !== undefined) {
      if (isSameEntry(holder, entry)) existing.set(index, id);
      throw new Fault('ALREADY_EXISTS', 'an entry of this id exists already');
    }
    try {
      draft.addEntry(trustDomain, entry);
    } catch (error) {
      const other = error instanceof Fault && error.code === 'ALREADY_EXISTS' ? error.details.existing : undefined;
      if (typeof other === 'string') existing.set(index, other);
      throw error;
    }
  });
  return statuses.map((status, index) => {
    const id = status.code === OK.code ? ids[index] : existing.get(index);
    return { status, entry: id === undefined ? undefined : found(gate, trustDomain, id, outputMask) };
  });
}

async function updateEntries(
  gate: Gate,
  caller: Admitted,
  batch: {
    readonly entries: readonly Entry[];
    readonly inputMask: EntryMask | undefined;
    readonly outputMask: EntryMask | undefined;
  },
): Promise<BatchUpdateEntryResponse_Result[]> {
  const { trustDomain } = caller;
  const { entries, inputMask, outputMask } = batch;
  const statuses = await writeBatch(gate, caller, entries, (draft, message) => {
    const { id } = message;
    if (id === '') throw new Fault('ARGUMENT_INVALID', 'missing entry ID');
    const base = draft.find<HeldEntry['body']>('Entry', trustDomain, id);
    if (base === undefined) throw new Fault('NOT_FOUND', 'entry not found');
    const mask = inputMask === undefined ? {} : { mask: inputMask };
    draft.addEntry(trustDomain, decodeEntry(trustDomain, message, { id, base, ...mask }));
  });
  return statuses.map((status, index) => {
    const id = entries[index]?.id ?? '';
    return { status, entry: status.code === OK.code ? found(gate, trustDomain, id, outputMask) : undefined };
  });
}

function found(gate: Gate, trustDomain: string, id: string, mask: EntryMask | undefined): Entry | undefined {
  const entry = gate.state.registry.findEntry(trustDomain, id);
  return entry === undefined ? undefined : encodeEntry(entry, mask);
}

async function* syncEntries(
  requests: AsyncIterable<SyncAuthorizedEntriesRequest>,
  entriesOf: () => readonly HeldEntry[],
): AsyncGenerator<SyncAuthorizedEntriesResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const { ids, outputMask: mask } = first.value;
  if (ids.length > 0) throw new Fault('ARGUMENT_INVALID', 'specifying IDs on initial request is not supported');
  if (mask !== undefined && !mask.revisionNumber)
    throw new Fault('ARGUMENT_INVALID', 'revision number cannot be masked');
  const entries = entriesOf();
  // What fits a page goes whole, else by revision.
  const [[all, isMore] = [[], false]] = pages(entries, bytesOf);
  if (!isMore) {
    yield { entryRevisions: [], entries: all.map((entry) => encodeEntry(entry, mask)), more: false };
    return;
  }
  for (const [page, more] of pages(entries, () => REVISION_BYTES))
    yield { entryRevisions: page.map(revisionOf), entries: [], more };
  const byId = new Map(entries.map((entry) => [entry.body.id, entry]));
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    const wanted = next.value.ids.map((id) => byId.get(id)).filter((entry) => entry !== undefined);
    for (const [page, more] of pages(wanted, bytesOf))
      yield { entryRevisions: [], entries: page.map((entry) => encodeEntry(entry, mask)), more };
  }
}

/** At least one page, and for each whether another follows. SPIRE's pages are of 500 entries; agents take smaller ones. */
function* pages(
  entries: readonly HeldEntry[],
  bytesOf: (entry: HeldEntry) => number,
): Generator<readonly [readonly HeldEntry[], boolean]> {
  let last: readonly HeldEntry[] | undefined;
  for (const page of inPages(entries, (entry) => entry, bytesOf)) {
    if (last !== undefined) yield [last, true];
    last = page;
  }
  yield [last ?? [], false];
}

function bytesOf({ body }: HeldEntry): number {
  return bodyBytes(body);
}

function revisionOf({ body, revision }: HeldEntry) {
  return { id: body.id, revisionNumber: BigInt(revision), createdAt: BigInt(body.createdAt ?? 0) };
}
