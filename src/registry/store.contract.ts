import assert from 'node:assert/strict';
import type { Change, PendingReceipt, Store } from './store.ts';

/** A place that stores open: the same one again each time, as after a restart or by another server. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

const entry = (key: string, value: unknown = key): Change => ({ kind: 'Entry', key, body: { value } });
const receipt = (id: string): PendingReceipt => ({ trustDomain: 'bank-a', id, body: `{"id":"${id}"}` });

export interface ContractRule {
  readonly name: string;
  run(): Promise<void>;
}

/** What every implementation of `Store` promises; each rule in a place of its own. */
export function storeContract(make: () => Promise<StorePlace>): readonly ContractRule[] {
  const rules: ContractRule[] = [];
  const rule = (name: string, promise: (store: Store, place: StorePlace) => Promise<void>): void => {
    rules.push({ name, run: () => inPlace(make, promise) });
  };
  const put = (store: Store, log: string, expected: number, ...changes: Change[]) =>
    store.commit({ logs: [{ log, expected, changes }] });
  const keys = async (store: Store, log: string) =>
    (await store.load()).resources.filter((one) => one.log === log).map(({ key }) => key);

  rule('what was committed is there after a restart, what was removed is not', async (store, place) => {
    assert.equal(await put(store, 'bank-a', 0, entry('a'), entry('b')), true);
    assert.equal(await put(store, 'bank-a', 1, { kind: 'Entry', key: 'a', body: null }, entry('b', 2)), true);
    assert.equal(await put(store, 'bank-b', 0, entry('a', 'other')), true);
    await store.close();
    const again = await place.open();
    const { revisions, resources } = await again.load();
    assert.deepEqual([...revisions].sort(), [
      ['bank-a', 2],
      ['bank-b', 1],
    ]);
    assert.deepEqual(resources, [
      { log: 'bank-b', kind: 'Entry', key: 'a', body: { value: 'other' }, revision: 1 },
      { log: 'bank-a', kind: 'Entry', key: 'b', body: { value: 2 }, revision: 2 },
    ]);
    await again.close();
  });

  rule('a commit on another revision than the present one writes nothing, in no log, and no receipt', async (store) => {
    await put(store, 'bank-a', 0, entry('a'));
    for (const expected of [0, 2]) {
      const late = { log: 'bank-a', expected, changes: [entry('late')] };
      const fresh = { log: 'bank-b', expected: 0, changes: [entry('fresh')] };
      for (const logs of [
        [late, fresh],
        [fresh, late],
      ])
        assert.equal(await store.commit({ logs, receipts: [receipt('r')] }), false);
    }
    assert.deepEqual(await keys(store, 'bank-a'), ['a']);
    assert.equal((await store.load()).revisions.get('bank-b'), undefined);
    assert.deepEqual(await store.pendingReceipts(10), []);
  });

  rule('of a hundred who commit on one revision exactly one wins, on a new log and on a used one', async (store) => {
    for (const expected of [0, 1]) {
      const written = await Promise.all(
        Array.from({ length: 100 }, (_, index) => put(store, 'bank-a', expected, entry(`${expected}-${index}`))),
      );
      assert.equal(written.filter((won) => won).length, 1);
    }
    assert.equal((await keys(store, 'bank-a')).length, 2);
  });

  rule('changes since a revision come oldest first, and none twice', async (store) => {
    await put(store, 'bank-a', 0, entry('a'), entry('b'));
    await put(store, 'bank-a', 1, { kind: 'Entry', key: 'a', body: null });
    await put(store, 'bank-a', 2, entry('a', 'again'));
    const since = await store.since('bank-a', 1);
    assert.deepEqual(since, {
      kind: 'changes',
      changes: [
        { log: 'bank-a', kind: 'Entry', key: 'a', body: null, revision: 2, removed: true },
        { log: 'bank-a', kind: 'Entry', key: 'a', body: { value: 'again' }, revision: 3, removed: false },
      ],
    });
    assert.deepEqual(await store.since('bank-a', 3), { kind: 'changes', changes: [] });
    assert.deepEqual(await store.since('never-seen', 0), { kind: 'changes', changes: [] });
  });

  rule('old changes are compacted into what the log holds: whoever is too far behind gets that', async (store) => {
    await put(store, 'bank-a', 0, entry('kept'));
    for (let revision = 1; revision < 650; revision++) await put(store, 'bank-a', revision, entry('moving', revision));
    const late = await store.since('bank-a', 1);
    assert.equal(late.kind, 'snapshot');
    assert.deepEqual(
      late.kind === 'snapshot' && [late.revision, late.resources.map(({ key, revision }) => [key, revision])],
      [
        650,
        [
          ['kept', 1],
          ['moving', 650],
        ],
      ],
    );
    const recent = await store.since('bank-a', 648);
    assert.deepEqual(recent.kind === 'changes' && recent.changes.map(({ revision }) => revision), [649, 650]);
  });

  rule('a receipt waits, across restarts, until it was delivered, and is kept once', async (store, place) => {
    const logs = [{ log: 'bank-a', expected: 0, changes: [entry('a')] }];
    await store.commit({ logs, receipts: [receipt('1'), receipt('2')] });
    await store.commit({ logs: [], receipts: [receipt('2'), receipt('3')] });
    await store.close();
    const again = await place.open();
    assert.deepEqual(await again.pendingReceipts(2), [receipt('1'), receipt('2')]);
    await again.commit({ logs: [], delivered: ['1', '2', 'unknown'] });
    assert.deepEqual(await again.pendingReceipts(10), [receipt('3')]);
    await again.close();
  });

  rule('the newest use wins, and using raises no revision', async (store) => {
    const use = (lastUsedAt: number, key = 'a') => ({ trustDomain: 'bank-a', kind: 'Entry' as const, key, lastUsedAt });
    await store.recordUse([use(20), use(5, 'b')]);
    await store.recordUse([use(10), { ...use(7), kind: 'Federation' }]);
    assert.deepEqual(
      (await store.uses('bank-a')).map(({ kind, key, lastUsedAt }) => `${kind} ${key} ${lastUsedAt}`).sort(),
      ['Entry a 20', 'Entry b 5', 'Federation a 7'],
    );
    assert.deepEqual(await store.uses('bank-b'), []);
    assert.equal((await store.load()).revisions.size, 0);
  });

  rule('what it is given it gives back: quotes, NUL in a body, any script, a body of a mebibyte', async (store) => {
    const body = {
      text: `'"\\\u0000 \u{1F512} \u65E5\u672C`,
      long: 'x'.repeat(1 << 20),
      nested: [null, { a: [1.5, false] }],
    };
    await put(store, 'bank-a', 0, { kind: 'Entry', key: `it's "a" key; \u65E5\u672C`, body });
    const [found] = (await store.load()).resources;
    assert.deepEqual(found?.body, body);
    assert.equal(found?.key, `it's "a" key; \u65E5\u672C`);
  });

  rule('closing twice is harmless', async (store) => {
    await store.close();
  });
  return rules;
}

async function inPlace(
  make: () => Promise<StorePlace>,
  promise: (store: Store, place: StorePlace) => Promise<void>,
): Promise<void> {
  const place = await make();
  const store = await place.open();
  try {
    await promise(store, place);
  } finally {
    await store.close();
    await place.remove();
  }
}
