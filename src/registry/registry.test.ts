import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import {
  type BundleResource,
  type EntryResource,
  type FederationResource,
  type SequenceText,
  writeSequence,
} from '#wire';
import type { AgentRecord } from './agent-record.ts';
import type { Committed } from './committed.ts';
import { removeFederatedBundle, setFederatedBundle, takeFetchedBundle } from './federated-bundle.ts';
import { MemoryStore } from './memory-store.ts';
import type { ReceiptOutlet } from './receipt-delivery.ts';
import { Registry } from './registry.ts';
import type { PendingReceipt, ResourceChange, Store } from './store.ts';

const LOCAL = 'spiffe://bank-a/node/local';
const domain = (name = 'bank-a'): ResourceChange => ({
  kind: 'TrustDomain',
  key: name,
  body: { name, userPath: '/user/' },
});
const body = (id: string, extra: object = {}): EntryResource => ({
  id,
  spiffeId: `spiffe://bank-a/${id}`,
  parentId: LOCAL,
  selectors: ['unix:uid:1'],
  ...extra,
});
const entry = (id: string, extra: object = {}): ResourceChange => ({ kind: 'Entry', key: id, body: body(id, extra) });
const gone = (kind: ResourceChange['kind'], key: string): ResourceChange => ({ kind, key, body: null });
const agent = (id: string, extra: Partial<AgentRecord> = {}): AgentRecord => ({
  id: `spiffe://bank-a/spire/agent/x509pop/${id}`,
  trustDomain: 'bank-a',
  attestationType: 'x509pop',
  selectors: [],
  canReattest: true,
  banned: false,
  serial: '01',
  expiresAt: Date.UTC(2026, 0, 1, 1),
  ...extra,
});
const bundle = (trustDomain: string, sequence: SequenceText = 1): BundleResource => ({
  trustDomain,
  x509Authorities: [],
  sequence,
  refreshHintSeconds: 300,
});

interface House {
  readonly registry: Registry;
  readonly clock: ManualClock;
  readonly store: MemoryStore;
  /** Another server on the same store. */
  other(): Promise<Registry>;
}

async function house(receipts?: ReceiptOutlet): Promise<House> {
  const [store, clock] = [new MemoryStore(), new ManualClock()];
  const open = () =>
    Registry.open({ store, clock, random: systemRandom, ...(receipts === undefined ? {} : { receipts }) });
  const registry = await open();
  await registry.commit('bank-a', [domain()]);
  return { registry, clock, store, other: open };
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5000; !holds(); await turn())
    assert.ok(performance.now() < deadline, 'deadline passed');
}

const rejects = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error) => faultCode(error) === code);
const ids = (registry: Registry) =>
  registry
    .entries('bank-a')
    .map(({ id }) => id)
    .sort();

for (const [what, extra] of [
  ['of the server', { spiffeId: 'spiffe://bank-a/spire/server' }],
  ['of a user', { spiffeId: 'spiffe://bank-a/user/1' }],
  ['of the trust domain itself', { spiffeId: 'spiffe://bank-a' }],
  ['of another trust domain', { spiffeId: 'spiffe://bank-b/x' }],
  ['longer than 2048 bytes', { spiffeId: `spiffe://bank-a/${'x'.repeat(2049 - 16)}` }],
  ['under a parent of another trust domain', { parentId: 'spiffe://bank-b/x' }],
  ['under the trust domain itself', { parentId: 'spiffe://bank-a' }],
  ['without selectors', { selectors: [] }],
  ['with a selector that has no type', { selectors: [':x'] }],
  ['with a selector without a value', { selectors: ['unix'] }],
  ['with 129 selectors', { selectors: Array.from({ length: 129 }, (_, index) => `unix:uid:${index}`) }],
  ['with a hint of 1025 bytes', { hint: 'h'.repeat(1025) }],
  ['with a negative lifetime', { x509SvidTtlSeconds: -1 }],
  ['with half a second', { jwtSvidTtlSeconds: 0.5 }],
  ['with a priority that is text', { priority: '1' }],
  ['that is stored, with selectors of two types', { storeSvid: true, selectors: ['unix:uid:1', 'docker:label:a'] }],
  ['that is stored and not prefetched', { storeSvid: true, disableX509SvidPrefetch: true }],
  ['that federates with a trust domain that nobody knows', { federatesWith: ['unknown.example'] }],
] as const) {
  test(`an entry ${what} is refused, and nothing of its commit is kept`, async () => {
    const { registry } = await house();
    await rejects(
      registry.commit('bank-a', [entry('good', { selectors: ['unix:uid:2'] }), entry('bad', extra)]),
      'ENTRY_INVALID',
    );
    assert.deepEqual(ids(registry), []);
    assert.equal(registry.revision('bank-a'), 1);
  });
}

test('an entry that is stored is accepted with selectors of one type', async () => {
  const { registry } = await house();
  await registry.commit('bank-a', [entry('kept', { storeSvid: true, selectors: ['unix:uid:1', 'unix:gid:1'] })]);
  assert.deepEqual(ids(registry), ['kept']);
});

test('an entry at its limits is accepted: an id of 2048 bytes, a hint of 1024, 128 selectors', async () => {
  const { registry } = await house();
  const extra = {
    spiffeId: `spiffe://bank-a/${'x'.repeat(2048 - 16)}`,
    hint: 'h'.repeat(1024),
    selectors: Array.from({ length: 128 }, (_, index) => `unix:uid:${index}`),
  };
  await registry.commit('bank-a', [entry('full', extra)]);
  assert.deepEqual(ids(registry), ['full']);
});

test('what says nothing is not kept, so that the same entry is the same whoever writes it', async () => {
  const { registry } = await house();
  await registry.commit('bank-a', [entry('a')]);
  const empty = {
    dnsNames: [],
    federatesWith: [],
    hint: '',
    priority: 0,
    admin: false,
    x509SvidTtlSeconds: 0,
    expiresAt: 0,
  };
  const { changes } = await registry.commit('bank-a', [entry('a', empty)]);
  assert.deepEqual(changes, []);
});

test("the registry knows an entry's age, whatever its writers say", async () => {
  const { registry, clock } = await house();
  await registry.commit('bank-a', [entry('a', { createdAt: 7 })]);
  const createdAt = clock.now() / 1000;
  clock.advance(60_000);
  await registry.commit('bank-a', [entry('a', { createdAt: 9, hint: 'changed' })]);
  assert.equal(registry.findEntry('bank-a', 'a')?.body.createdAt, createdAt);
  assert.equal(registry.findEntry('bank-a', 'a')?.revision, 3);
});

test('an entry that exists under another id is refused with the one that exists, in any order of selectors', async () => {
  const { registry } = await house();
  const selectors = ['unix:uid:1', 'unix:gid:2'];
  await registry.commit('bank-a', [entry('first', { selectors })]);
  const same = { spiffeId: 'spiffe://bank-a/first', selectors: [...selectors].reverse() };
  await assert.rejects(registry.commit('bank-a', [entry('second', same)]), (error) => {
    assert.equal(faultCode(error), 'ALREADY_EXISTS');
    assert.deepEqual((error as { details: unknown }).details, { existing: 'first' });
    return true;
  });
  await registry.commit('bank-a', [entry('second', { ...same, selectors: ['unix:uid:1'] })]);
  await rejects(registry.commit('bank-a', [entry('second', same)]), 'ALREADY_EXISTS');
  assert.equal(registry.findSameEntry('bank-a', body('asked', same))?.body.id, 'first');
});

test('two entries that are the same within one commit are refused; one that takes the place of a removed one is not', async () => {
  const { registry } = await house();
  const same = { spiffeId: 'spiffe://bank-a/same' };
  await rejects(registry.commit('bank-a', [entry('a', same), entry('b', same)]), 'ALREADY_EXISTS');
  await registry.commit('bank-a', [entry('a', same)]);
  await registry.commit('bank-a', [gone('Entry', 'a'), entry('b', same)]);
  assert.deepEqual(ids(registry), ['b']);
});

test('of a batch, what is wrong is told by itself and the rest is kept', async () => {
  const { registry } = await house();
  const codes: (string | undefined)[] = [];
  await registry.commit('bank-a', (draft) => {
    codes.length = 0;
    for (const one of [
      body('a'),
      body('b', { selectors: [] }),
      body('c', { spiffeId: 'spiffe://bank-a/a' }),
      body('d', { federatesWith: ['unknown.example'] }),
      body('e'),
    ])
      try {
        draft.addEntry('bank-a', one);
        codes.push(undefined);
      } catch (error) {
        codes.push(faultCode(error));
      }
  });
  assert.deepEqual(codes, [undefined, 'ENTRY_INVALID', 'ALREADY_EXISTS', 'ENTRY_INVALID', undefined]);
  assert.deepEqual(ids(registry), ['a', 'e']);
});

test('an expired entry is gone at the second of its end, for every question, and leaves the store by itself', async () => {
  const { registry, clock, store } = await house();
  const expiresAt = clock.now() / 1000 + 10;
  await registry.commit('bank-a', [
    entry('brief', { expiresAt }),
    entry('below', { parentId: 'spiffe://bank-a/brief' }),
  ]);
  const holder = agent('x', { alias: LOCAL });
  clock.jump(9_999);
  assert.equal(registry.entriesOfAgent(holder).length, 2);
  clock.jump(1);
  assert.equal(registry.findEntry('bank-a', 'brief'), undefined);
  assert.equal(registry.find('Entry', 'bank-a', 'brief'), undefined);
  assert.deepEqual(ids(registry), ['below']);
  assert.deepEqual(registry.filterEntries('bank-a', { spiffeId: 'spiffe://bank-a/brief' }), []);
  assert.deepEqual(registry.entriesOfAgent(holder), []);
  // The same may be made again before the old one has left.
  assert.equal(registry.findSameEntry('bank-a', body('new', { spiffeId: 'spiffe://bank-a/brief' })), undefined);
  clock.advance(0);
  await until(() => registry.revision('bank-a') === 3);
  assert.deepEqual(
    (await store.load()).resources.filter(({ kind }) => kind === 'Entry').map(({ key }) => key),
    ['below'],
  );
  const later = clock.now() / 1000 + 5;
  await registry.commit('bank-a', [entry('next', { expiresAt: later })]);
  clock.advance(5000);
  await until(() => registry.revision('bank-a') === 5);
});

test('entries are found as SPIRE filters them', async () => {
  const { registry } = await house();
  const peer = { kind: 'Bundle' as const, key: 'peer', body: bundle('peer') };
  await registry.commit('bank-a', [
    peer,
    entry('one', { selectors: ['a:1'], hint: 'h' }),
    entry('two', { selectors: ['a:1', 'b:2'], federatesWith: ['peer'] }),
    entry('three', { selectors: ['c:3'], downstream: true, parentId: 'spiffe://bank-a/other' }),
  ]);
  const found = (filter: Parameters<Registry['filterEntries']>[1]) =>
    registry.filterEntries('bank-a', filter).map(({ body: { id } }) => id);
  const by = (match: 'exact' | 'subset' | 'superset' | 'any', ...values: string[]) =>
    found({ selectors: { match, values } });
  assert.deepEqual(found({}), ['one', 'three', 'two']);
  assert.deepEqual(by('exact', 'b:2', 'a:1'), ['two']);
  assert.deepEqual(by('subset', 'a:1', 'b:2', 'x:9'), ['one', 'two']);
  assert.deepEqual(by('superset', 'a:1'), ['one', 'two']);
  assert.deepEqual(by('any', 'b:2', 'c:3'), ['three', 'two']);
  assert.deepEqual(by('exact', 'z:0'), []);
  assert.deepEqual(found({ spiffeId: 'spiffe://bank-a/one', hint: 'h' }), ['one']);
  assert.deepEqual(found({ hint: '' }), ['three', 'two']);
  assert.deepEqual(found({ downstream: true }), ['three']);
  assert.deepEqual(found({ downstream: false }), ['one', 'two']);
  assert.deepEqual(found({ parentId: 'spiffe://bank-a/other' }), ['three']);
  assert.deepEqual(found({ federatesWith: { match: 'any', values: ['peer'] } }), ['two']);
  assert.deepEqual(found({ federatesWith: { match: 'subset', values: ['peer'] } }), ['two']);
});

test('changes of several trust domains are one transaction: one that is refused keeps all of them out', async () => {
  const { registry } = await house();
  const plan = (bad: object) =>
    new Map([
      ['bank-b', [domain('bank-b')]],
      ['bank-a', [entry('a', { federatesWith: ['bank-b'] }), entry('b', bad)]],
    ]);
  await rejects(registry.commitAll(plan({ selectors: [] })), 'ENTRY_INVALID');
  assert.deepEqual([registry.revision('bank-a'), registry.revision('bank-b')], [1, 0]);
  assert.deepEqual(
    [...registry.plan(plan({}))].map(([name, changes]) => [name, changes.map(({ verb, key }) => `${verb} ${key}`)]),
    [
      ['bank-b', ['created bank-b']],
      ['bank-a', ['created a', 'created b']],
    ],
  );
  assert.equal((await registry.commitAll(plan({}))).length, 2);
  assert.deepEqual([registry.revision('bank-a'), registry.revision('bank-b')], [2, 1]);
});

test('a federation needs an https address without a user, and ids of the other trust domain', async () => {
  const { registry } = await house();
  const federation = (extra: object = {}): ResourceChange => ({
    kind: 'Federation',
    key: 'peer',
    body: {
      trustDomain: 'peer',
      bundleEndpointUrl: 'https://peer.example/bundle',
      bundleEndpointProfile: { type: 'https_spiffe', endpointSpiffeId: 'spiffe://peer/spire/server' },
      ...extra,
    },
  });
  for (const extra of [
    { trustDomain: 'other' },
    { bundleEndpointUrl: 'http://peer.example/bundle' },
    { bundleEndpointUrl: 'https://user@peer.example/bundle' },
    { bundleEndpointUrl: 'peer.example' },
    { bundleEndpointUrl: 'https:///bundle' },
    { bundleEndpointProfile: { type: 'https_spiffe' } },
    { bundleEndpointProfile: { type: 'ftp' } },
    { allow: { ids: ['spiffe://elsewhere/x'] } },
    { allow: { anything: [] } },
  ])
    await rejects(registry.commit('bank-a', [federation(extra)]), 'FEDERATION_INVALID');
  const own = { ...federation({ trustDomain: 'bank-a' }), key: 'bank-a' };
  await rejects(registry.commit('bank-a', [own]), 'FEDERATION_INVALID');
  await registry.commit('bank-a', [federation({ allow: { ids: ['spiffe://peer/x/*'] } })]);
  assert.deepEqual(registry.find<FederationResource>('Federation', 'bank-a', 'peer')?.allow, {
    ids: ['spiffe://peer/x/*'],
  });
});

test('a fetched bundle never goes back to an older one; an operator may', async () => {
  const { registry } = await house();
  const take = (sequence: number) =>
    registry.commit('bank-a', (draft) => takeFetchedBundle(draft, 'bank-a', bundle('peer', sequence)));
  await take(5);
  await rejects(take(4), 'FEDERATION_BUNDLE_STALE');
  await take(6);
  await registry.commit('bank-a', (draft) => setFederatedBundle(draft, 'bank-a', bundle('peer', 2)));
  assert.equal(registry.find<BundleResource>('Bundle', 'bank-a', 'peer')?.sequence, 2);
  const own = registry.commit('bank-a', (draft) => setFederatedBundle(draft, 'bank-a', bundle('bank-a')));
  await rejects(own, 'ARGUMENT_INVALID');
});

test('B-2: the guard against rollback compares all 64 bits, also across a restart', async () => {
  const { registry, other } = await house();
  const take = (into: Registry, sequence: bigint) =>
    into.commit('bank-a', (draft) => takeFetchedBundle(draft, 'bank-a', bundle('peer', writeSequence(sequence))));
  await take(registry, 2n ** 53n + 1n);
  await rejects(take(registry, 2n ** 53n), 'FEDERATION_BUNDLE_STALE');
  const again = await other();
  await rejects(take(again, 2n ** 53n), 'FEDERATION_BUNDLE_STALE');
  await take(again, 2n ** 64n - 1n);
  assert.equal(again.find<BundleResource>('Bundle', 'bank-a', 'peer')?.sequence, '18446744073709551615');
});

test('a federated bundle in use is kept, taken out of its entries, or goes with them, as the operator says', async () => {
  const remaining: Record<string, readonly unknown[]> = {};
  for (const mode of ['restrict', 'dissociate', 'delete'] as const) {
    const { registry } = await house();
    await registry.commit('bank-a', [
      { kind: 'Bundle', key: 'peer', body: bundle('peer') },
      entry('with', { federatesWith: ['peer'] }),
      entry('without'),
    ]);
    const remove = registry.commit('bank-a', (draft) => removeFederatedBundle(registry, draft, 'bank-a', 'peer', mode));
    if (mode === 'restrict') await rejects(remove, 'FEDERATION_IN_USE');
    else await remove;
    remaining[mode] = [
      registry.find('Bundle', 'bank-a', 'peer') !== undefined,
      ...registry.entries('bank-a').map(({ id, federatesWith }) => `${id} ${federatesWith?.join() ?? '-'}`),
    ];
  }
  assert.deepEqual(remaining, {
    restrict: [true, 'with peer', 'without -'],
    dissociate: [false, 'with -', 'without -'],
    delete: [false, 'without -'],
  });
});

test('agents are listed by what they are, banned, evicted and pruned', async () => {
  const { registry, clock } = await house();
  const changes: string[] = [];
  registry.onAgentChange(({ id, agent: now }) => changes.push(`${id.at(-1)} ${now?.banned ?? 'gone'}`));
  await registry.putAgent(agent('a', { selectors: ['x509pop:subject:cn:a'] }));
  await registry.putAgent(agent('b', { attestationType: 'join_token', canReattest: false, previousSerial: '00' }));
  await registry.putAgent(agent('c', { expiresAt: clock.now() + 10 * 3_600_000 }));
  const found = (filter: Parameters<Registry['agents']>[1]) =>
    registry.agents('bank-a', filter).map(({ id }) => id.at(-1));
  assert.deepEqual(found({}), ['a', 'b', 'c']);
  assert.deepEqual(found({ attestationType: 'join_token' }), ['b']);
  assert.deepEqual(found({ canReattest: true }), ['a', 'c']);
  assert.deepEqual(found({ expiresBefore: clock.now() + 2 * 3_600_000 }), ['a', 'b']);
  assert.deepEqual(found({ selectors: { match: 'exact', values: ['x509pop:subject:cn:a'] } }), ['a']);
  await registry.banAgent(agent('b').id);
  assert.deepEqual(found({ banned: true }), ['b']);
  const banned = registry.findAgent(agent('b').id);
  assert.deepEqual([banned?.serial, banned?.previousSerial], ['', undefined]);
  clock.advance(3 * 3_600_000);
  assert.deepEqual(await registry.pruneAgents('bank-a', clock.now()), [agent('a').id]);
  assert.deepEqual(found({}), ['b', 'c'], 'a banned agent stays banned');
  await registry.pruneAgents('bank-a', clock.now(), { banned: true, unattestable: true });
  await registry.evictAgent(agent('c').id);
  assert.equal(registry.agentCount('bank-a'), 0);
  await rejects(registry.banAgent(agent('c').id), 'AGENT_NOT_ATTESTED');
  assert.deepEqual(changes, ['a false', 'b false', 'c false', 'b true', 'a gone', 'b gone', 'c gone']);
});

test('a join token of the operator’s choice is unique, and says why it is refused', async () => {
  const { registry, clock } = await house();
  await registry.createJoinToken('bank-a', 60, undefined, 'chosen');
  await rejects(registry.createJoinToken('bank-a', 60, undefined, 'chosen'), 'ALREADY_EXISTS');
  await rejects(registry.createJoinToken('bank-a', 60, undefined, 'a/b'), 'ARGUMENT_INVALID');
  await rejects(registry.createJoinToken('bank-a', 60, 'spiffe://bank-b/node'), 'ARGUMENT_INVALID');
  await rejects(registry.createJoinToken('bank-x', 60, undefined), 'NOT_FOUND');
  clock.advance(60_000);
  await assert.rejects(registry.peekJoinToken('bank-a', 'chosen'), { message: 'join token expired' });
  await assert.rejects(registry.redeemJoinToken('chosen', agent('a')), { message: 'join token expired' });
  await rejects(registry.peekJoinToken('bank-a', 'other'), 'AGENT_TOKEN_INVALID');
});

test('uses are written together, are known at once, and raise no revision', async () => {
  const { registry, clock, store, other } = await house();
  await registry.commit('bank-a', [entry('a')]);
  registry.touch('Entry', 'bank-a', 'a');
  const at = clock.now() / 1000;
  assert.deepEqual(await registry.uses('bank-a'), [{ trustDomain: 'bank-a', kind: 'Entry', key: 'a', lastUsedAt: at }]);
  assert.deepEqual(await store.uses('bank-a'), []);
  clock.advance(60_000);
  await until(() => registry.revision('bank-a') === 2);
  assert.equal((await store.uses('bank-a'))[0]?.lastUsedAt, at);
  assert.equal((await (await other()).uses('bank-a'))[0]?.lastUsedAt, at);
});

test('servers on one store: each hears of what the others commit, and none commits on an old state', async () => {
  const { registry: one, other } = await house();
  const two = await other();
  const heard: Committed[] = [];
  two.onCommit((committed) => heard.push(committed));
  await one.commit('bank-a', [entry('a'), entry('b')]);
  await one.commit('bank-a', [gone('Entry', 'a')]);
  await until(() => two.revision('bank-a') === 3);
  assert.deepEqual(ids(two), ['b']);
  assert.deepEqual(
    heard.map(({ revision, changes }) => [revision, changes.map(({ key }) => key)]),
    [
      [2, ['a', 'b']],
      [3, ['a']],
    ],
  );
  await one.putAgent(agent('x'));
  await until(() => two.findAgent(agent('x').id) !== undefined);
});

test('a server that cannot read what another wrote reads it soon after, without being told again', async () => {
  const { registry: one, store, clock } = await house();
  let broken = true;
  const away: Store = {
    load: () => store.load(),
    since: (log, revision) => (broken ? Promise.reject(new Error('away')) : store.since(log, revision)),
    commit: () => Promise.reject(new Error('away')),
    pendingReceipts: (limit) => store.pendingReceipts(limit),
    recordUse: () => Promise.reject(new Error('away')),
    uses: (trustDomain) => store.uses(trustDomain),
    watch: (changed) => store.watch(changed),
    follows: () => true,
    close: () => store.close(),
  };
  const two = await Registry.open({ store: away, clock, random: systemRandom });
  await one.commit('bank-a', [entry('a')]);
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.deepEqual([two.revision('bank-a'), ids(two)], [1, []], 'it serves what it has');
  assert.equal(two.isCurrent(), false);
  broken = false;
  clock.advance(1000);
  await until(() => two.revision('bank-a') === 2 && two.isCurrent());
  two.touch('Entry', 'bank-a', 'a');
  await two.close();
});

test('a commit whose answer never came stands with its receipt as soon as the store answers again, and is not made twice', async () => {
  const [store, clock, ledger] = [new MemoryStore(), new ManualClock(), [] as string[]];
  let answers = true;
  const mute: Store = {
    load: () => store.load(),
    since: (log, revision) => (answers ? store.since(log, revision) : Promise.reject(new Error('away'))),
    commit: async (commit) => {
      const made = await store.commit(commit);
      if (!answers) throw new Error('away');
      return made;
    },
    pendingReceipts: (limit) => (answers ? store.pendingReceipts(limit) : Promise.reject(new Error('away'))),
    recordUse: (uses) => store.recordUse(uses),
    uses: (trustDomain) => store.uses(trustDomain),
    watch: () => () => undefined,
    follows: () => true,
    close: () => store.close(),
  };
  const receipts: ReceiptOutlet = {
    describe: ({ changes }) => changes.map(({ key }) => ({ trustDomain: 'bank-a', id: key, body: key })),
    deliver: async (some) => {
      for (const { id } of some) if (!ledger.includes(id)) ledger.push(id);
    },
  };
  const registry = await Registry.open({ store: mute, clock, random: systemRandom, receipts });
  await registry.commit('bank-a', [domain()]);
  answers = false;
  await assert.rejects(registry.commit('bank-a', [entry('a')]));
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.deepEqual([registry.revision('bank-a'), ids(registry)], [1, []]);
  answers = true;
  clock.advance(1000);
  await until(() => ledger.length === 2 && registry.revision('bank-a') === 2);
  assert.deepEqual([ids(registry), ledger], [['a'], ['bank-a', 'a']]);
  assert.deepEqual((await registry.commit('bank-a', [entry('a')])).changes, []);
});

test('of a hundred servers’ requests for the same exactly one wins: token, entry, change of an agent', async () => {
  const { registry: one, other } = await house();
  const servers = [one, await other(), await other()];
  const hundred = <T>(ask: (registry: Registry, index: number) => Promise<T>) =>
    Promise.allSettled(Array.from({ length: 100 }, (_, index) => ask(servers[index % 3] ?? one, index)));
  const won = (results: readonly PromiseSettledResult<unknown>[]) =>
    results.filter(({ status }) => status === 'fulfilled').length;

  await one.createJoinToken('bank-a', 60, undefined, 'once');
  assert.equal(won(await hundred((registry, index) => registry.redeemJoinToken('once', agent(`${index}`)))), 1);
  await until(() => servers.every((registry) => registry.agentCount('bank-a') === 1));

  const same = { spiffeId: 'spiffe://bank-a/same' };
  const entries = await hundred((registry, index) => registry.commit('bank-a', [entry(`e${index}`, same)]));
  assert.equal(won(entries), 1);

  const [{ id } = agent('none')] = one.agents('bank-a');
  const renewals = await hundred((registry, index) =>
    registry.updateAgent(id, (present) => {
      if (present.serial !== '01') throw new Error('late');
      return { ...present, serial: `f${index}` };
    }),
  );
  assert.equal(won(renewals), 1);
});

test('a commit’s receipts are in the store until the ledger has them, whatever happens between', async () => {
  const ledger: string[] = [];
  let broken = false;
  const outlet: ReceiptOutlet = {
    describe: ({ revision, changes }, by): readonly PendingReceipt[] =>
      changes.map(({ key, verb }) => {
        const id = `${revision} ${verb} ${key} ${by}`;
        return { trustDomain: 'bank-a', id, body: id };
      }),
    deliver: async (receipts) => {
      if (broken) throw new Error('the disk is full');
      for (const { id } of receipts) if (!ledger.includes(id)) ledger.push(id);
    },
  };
  const { registry, store, other } = await house(outlet);
  await registry.commit('bank-a', [entry('a')], 'op');
  broken = true;
  await assert.rejects(registry.commit('bank-a', [entry('b')], 'op'));
  assert.equal(registry.revision('bank-a'), 3, 'the change stands, and so does its receipt');
  assert.deepEqual(ledger, ['1 created bank-a ', '2 created a op']);
  broken = false;
  await other();
  assert.deepEqual(ledger, ['1 created bank-a ', '2 created a op', '3 created b op']);
  await registry.commit('bank-a', [gone('Entry', 'b')], 'op');
  await registry.close();
  assert.equal(ledger.length, 4);
  assert.deepEqual(await store.pendingReceipts(10), []);
});

test('receipts that a killed server left in the store are handed on by one that runs on, within half a minute', async () => {
  const ledgers: string[][] = [[], []];
  let isKilled = false;
  const outlet = (of: number): ReceiptOutlet => ({
    describe: ({ changes }): readonly PendingReceipt[] =>
      changes.map(({ key }) => ({ trustDomain: 'bank-a', id: key, body: key })),
    deliver: async (receipts) => {
      if (of === 0 && isKilled) return new Promise(() => {});
      for (const { id } of receipts) ledgers[of]?.push(id);
    },
  });
  const [store, clock] = [new MemoryStore(), new ManualClock()];
  const open = (of: number) => Registry.open({ store, clock, random: systemRandom, receipts: outlet(of) });
  const [one, two] = [await open(0), await open(1)];
  await one.commit('bank-a', [domain()]);
  isKilled = true;
  void one.commit('bank-a', [entry('a')]).catch(() => undefined);
  await until(() => two.findEntry('bank-a', 'a') !== undefined);
  clock.advance(29_999);
  await turn();
  assert.deepEqual(ledgers[1], []);
  clock.advance(1);
  await until(() => ledgers[1]?.includes('a') === true);
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.deepEqual(await store.pendingReceipts(10), []);
  await two.close();
});

test('while no other server writes, none looks for receipts that were left behind', async () => {
  const [store, clock] = [new MemoryStore(), new ManualClock()];
  let looks = 0;
  const seen: Store = {
    load: () => store.load(),
    since: (log, revision) => store.since(log, revision),
    commit: (commit) => store.commit(commit),
    pendingReceipts: (limit) => {
      looks++;
      return store.pendingReceipts(limit);
    },
    recordUse: (uses) => store.recordUse(uses),
    uses: (trustDomain) => store.uses(trustDomain),
    watch: (changed) => store.watch(changed),
    follows: () => true,
    close: () => store.close(),
  };
  const receipts: ReceiptOutlet = { describe: () => [], deliver: async () => {} };
  const registry = await Registry.open({ store: seen, clock, random: systemRandom, receipts });
  await registry.commit('bank-a', [domain()]);
  const before = looks;
  clock.advance(3_600_000);
  await turn();
  assert.equal(looks, before);
  await registry.close();
});
