import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import type { Client } from '#wire';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { Entry, EntryMask, SelectorMatch_MatchBehavior as Match } from '#wire/gen/spire/api/types';
import { collect, spiffeId, withSpire } from './spire.harness.ts';

const EMPTY = Entry.decode(new Uint8Array());
const NO_MASK = EntryMask.decode(new Uint8Array());
const PARENT = '/node/one';

function entry(path: string, more: Partial<Entry> = {}): Entry {
  return {
    ...EMPTY,
    spiffeId: spiffeId(path),
    parentId: spiffeId(PARENT),
    selectors: [{ type: 'unix', value: `user:${path.slice(1)}` }],
    ...more,
  };
}

async function create(client: Client<typeof EntryDefinition>, ...entries: readonly Entry[]) {
  const { results } = await client.batchCreateEntry({ entries: [...entries], outputMask: undefined });
  return results;
}

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;

test('a batch: what is sound is created, each other item says what is wrong with it', () =>
  withSpire(async (spire) => {
    const client = spire.local(EntryDefinition);
    const results = await create(
      client,
      entry('/web', { id: 'web', hint: 'h', x509SvidTtl: 60, dnsNames: ['web.local', '*.web.local'], admin: true }),
      entry('/web'),
      entry('/x', { selectors: [] }),
      entry('/x', { selectors: [{ type: 'a:b', value: 'c' }] }),
      entry('/x', { selectors: [{ type: 'a', value: '' }] }),
      entry('/x', { spiffeId: undefined }),
      entry('/x', { spiffeId: spiffeId('/x', 'bank-b') }),
      entry('/spire/agent/x'),
      entry('/user/x'),
      entry('/x', { x509SvidTtl: -1 }),
      entry('/x', { dnsNames: ['a b'] }),
      entry('/x', { dnsNames: ['a..b'] }),
      entry('/x', { hint: 'h'.repeat(1025) }),
      entry('/x', { federatesWith: ['nowhere'] }),
      entry('/x', { expiresAt: -1n }),
      entry('/x', { id: 'a/b' }),
      entry('/other', { id: 'web' }),
      entry('/last'),
    );
    const codes = results.map(({ status }) => status?.code);
    assert.deepEqual(codes, [0, 6, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 6, 0]);
    // The same that stands there already comes back with its status; another one that has its id does not.
    assert.equal(results[1]?.entry?.id, 'web');
    assert.equal(results[16]?.entry, undefined);
    assert.deepEqual(await client.countEntries({ filter: undefined }), { count: 2 });
    const made = await client.getEntry({ id: 'web', outputMask: undefined });
    assert.deepEqual(made.dnsNames, ['web.local', '*.web.local']);
    assert.equal(made.admin, true);
    assert.ok(made.createdAt > 0n && made.revisionNumber > 0n);
  }));

test('a mask keeps what it names, and the id', () =>
  withSpire(async (spire) => {
    const client = spire.local(EntryDefinition);
    await create(client, entry('/web', { id: 'web', hint: 'h' }));
    const masked = await client.getEntry({ id: 'web', outputMask: { ...NO_MASK, hint: true } });
    assert.deepEqual(masked, { ...EMPTY, id: 'web', hint: 'h' });
  }));

test('an update writes the fields of its mask alone, and raises the revision', () =>
  withSpire(async (spire) => {
    const client = spire.local(EntryDefinition);
    await create(client, entry('/web', { id: 'web', hint: 'old', jwtSvidTtl: 30 }));
    const before = await client.getEntry({ id: 'web', outputMask: undefined });
    const { results } = await client.batchUpdateEntry({
      entries: [
        { ...EMPTY, id: 'web', hint: 'new' },
        { ...EMPTY, id: 'nothing', hint: 'new' },
        { ...EMPTY, hint: 'new' },
      ],
      inputMask: { ...NO_MASK, hint: true },
      outputMask: undefined,
    });
    assert.deepEqual(
      results.map(({ status }) => status?.code),
      [0, 5, 3],
    );
    const after = await client.getEntry({ id: 'web', outputMask: undefined });
    assert.deepEqual(after, { ...before, hint: 'new', revisionNumber: after.revisionNumber });
    assert.ok(after.revisionNumber > before.revisionNumber);
  }));

test('deletion says of each id what became of it', () =>
  withSpire(async (spire) => {
    const client = spire.local(EntryDefinition);
    await create(client, entry('/web', { id: 'web' }));
    const { results } = await client.batchDeleteEntry({ ids: ['web', 'web', ''] });
    assert.deepEqual(
      results.map(({ status }) => status?.code),
      [0, 5, 3],
    );
    await assert.rejects(client.getEntry({ id: 'web', outputMask: undefined }), code('NOT_FOUND'));
    await assert.rejects(client.getEntry({ id: '', outputMask: undefined }), code('ARGUMENT_INVALID'));
  }));

const NO_FILTER = {
  bySpiffeId: undefined,
  byParentId: undefined,
  bySelectors: undefined,
  byFederatesWith: undefined,
  byHint: undefined,
  byDownstream: undefined,
};

test('lists are filtered as asked and paged without loss; a filter that cannot be read is refused', () =>
  withSpire(async (spire) => {
    const client = spire.local(EntryDefinition);
    const [a, b] = [
      { type: 'unix', value: 'uid:1' },
      { type: 'unix', value: 'uid:2' },
    ];
    await create(
      client,
      entry('/1', { id: '1', selectors: [a] }),
      entry('/2', { id: '2', selectors: [a, b] }),
      entry('/3', { id: '3', selectors: [b], downstream: true, hint: 'x' }),
    );
    const list = async (filter: Partial<typeof NO_FILTER & Record<string, unknown>>, pageSize = 0, pageToken = '') =>
      client.listEntries({ filter: { ...NO_FILTER, ...filter }, outputMask: NO_MASK, pageSize, pageToken });
    const ids = async (filter: Parameters<typeof list>[0]) => (await list(filter)).entries.map(({ id }) => id).join();
    const bySelectors = (match: number, ...selectors: object[]) => ({ bySelectors: { selectors, match } }) as never;
    assert.equal(await ids(bySelectors(Match.MATCH_EXACT, a)), '1');
    assert.equal(await ids(bySelectors(Match.MATCH_SUBSET, a)), '1');
    assert.equal(await ids(bySelectors(Match.MATCH_SUPERSET, a)), '1,2');
    assert.equal(await ids(bySelectors(Match.MATCH_ANY, a, b)), '1,2,3');
    assert.equal(await ids({ byDownstream: true as never }), '3');
    assert.equal(await ids({ byDownstream: false as never }), '1,2,3');
    assert.equal(await ids({ byHint: 'x' as never }), '3');
    assert.equal(await ids({ bySpiffeId: spiffeId('/2') as never }), '2');
    await assert.rejects(list(bySelectors(Match.MATCH_EXACT)), code('ARGUMENT_INVALID'));
    await assert.rejects(list(bySelectors(9, a)), code('ARGUMENT_INVALID'));
    await assert.rejects(list({ bySpiffeId: spiffeId('/spire/server') as never }), code('ARGUMENT_INVALID'));
    const first = await list({}, 2);
    const second = await list({}, 2, first.nextPageToken);
    assert.deepEqual(
      [...first.entries, ...second.entries].map(({ id }) => id),
      ['1', '2', '3'],
    );
    assert.equal(second.nextPageToken, '');
    await assert.rejects(list({}, 2, '!'), code('ARGUMENT_INVALID'));
    await assert.rejects(list({}, -1), code('ARGUMENT_INVALID'));
  }));

test('an agent is given the entries below it, whole up to 500 and by revision beyond', () =>
  withSpire(async (spire) => {
    const operator = spire.local(EntryDefinition);
    await create(operator, ...Array.from({ length: 500 }, (_, index) => entry(`/s${index}`)));
    await create(operator, entry('/elsewhere', { parentId: spiffeId('/node/two') }));
    const client = spire.tls(EntryDefinition, await spire.attest(PARENT));
    const mask = { ...NO_MASK, revisionNumber: true, spiffeId: true };
    const sync = async (...requests: { outputMask: EntryMask | undefined; ids: string[] }[]) =>
      collect(
        client.syncAuthorizedEntries(
          (async function* () {
            yield* requests;
          })(),
        ),
      );
    const [whole, ...rest] = await sync({ outputMask: mask, ids: [] });
    assert.equal(rest.length, 0);
    assert.equal(whole?.entries.length, 500);
    assert.equal(whole?.more, false);
    await create(operator, entry('/one-more'));
    const sparse = await sync({ outputMask: mask, ids: [] });
    assert.deepEqual(
      sparse.map(({ entryRevisions, entries, more }) => [entryRevisions.length, entries.length, more]),
      [
        [500, 0, true],
        [1, 0, false],
      ],
    );
    const wanted = sparse.flatMap(({ entryRevisions }) => entryRevisions.map(({ id }) => id));
    const answers = await sync(
      { outputMask: mask, ids: [] },
      { outputMask: undefined, ids: wanted },
      { outputMask: undefined, ids: ['unknown'] },
    );
    assert.deepEqual(
      answers.slice(2).map(({ entries, more }) => [entries.length, more]),
      [
        [500, true],
        [1, false],
        [0, false],
      ],
    );
    const { entries } = await client.getAuthorizedEntries({ outputMask: undefined });
    assert.equal(entries.length, 501);
    assert.ok(entries.every(({ spiffeId: id }) => id?.path !== '/elsewhere'));
    await assert.rejects(sync({ outputMask: mask, ids: ['x'] }), code('ARGUMENT_INVALID'));
    await assert.rejects(sync({ outputMask: NO_MASK, ids: [] }), code('ARGUMENT_INVALID'));
  }));

test('entries so large that 500 of them fit no message come in smaller pages, to agents and to operators', () =>
  withSpire(async (spire) => {
    const operator = spire.local(EntryDefinition);
    const selectors = Array.from({ length: 10 }, (_, at) => ({
      type: 'unix',
      value: `path:/${at}${'x'.repeat(2000)}`,
    }));
    const paths = Array.from({ length: 300 }, (_, at) => `/fat${at}`);
    for (const some of [paths.slice(0, 150), paths.slice(150)])
      await create(operator, ...some.map((path) => entry(path, { selectors })));
    const client = spire.tls(EntryDefinition, await spire.attest(PARENT));
    let wanted: string[] | undefined;
    const given: string[] = [];
    const asked = Promise.withResolvers<readonly string[]>();
    async function* requests() {
      yield { outputMask: undefined, ids: [] };
      yield { outputMask: undefined, ids: [...(await asked.promise)] };
    }
    for await (const { entryRevisions, entries, more } of client.syncAuthorizedEntries(requests())) {
      wanted = [...(wanted ?? []), ...entryRevisions.map(({ id }) => id)];
      given.push(...entries.map(({ spiffeId: id }) => id?.path ?? ''));
      if (!more) asked.resolve(wanted);
    }
    assert.deepEqual(given.toSorted(), paths.toSorted());
    const listed: string[] = [];
    let pageToken = '';
    do {
      const page = await operator.listEntries({ filter: undefined, outputMask: undefined, pageSize: 500, pageToken });
      listed.push(...page.entries.map(({ spiffeId: id }) => id?.path ?? ''));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    assert.deepEqual(listed.toSorted(), paths.toSorted());
  }));
