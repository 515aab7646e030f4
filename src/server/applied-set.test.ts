import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, ManualClock, silentLog, systemRandom } from '#kernel';
import type { EntryResource } from '#wire';
import { NO_SET, type SetQuestion } from './applied-set.ts';
import { applyDocuments } from './apply.ts';
import { State } from './state.ts';

const domain = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} };
const entry = (name: string, spec: object = {}) => ({
  apiVersion: 'hauberk.dev/v1',
  kind: 'Entry',
  metadata: { name, trustDomain: 'bank-a' },
  spec: {
    spiffeId: `spiffe://bank-a/${name}`,
    parentId: 'spiffe://bank-a/node/local',
    selectors: ['unix:uid:1'],
    ...spec,
  },
});
const federation = (name: string) => ({
  apiVersion: 'hauberk.dev/v1',
  kind: 'Federation',
  metadata: { name, trustDomain: 'bank-a' },
  spec: { bundleEndpointUrl: 'https://peer.example/', bundleEndpointProfile: { type: 'https_web' } },
});

interface House {
  readonly state: State;
  apply(question: Partial<SetQuestion>, ...documents: readonly object[]): ReturnType<typeof applyDocuments>;
  /** Keys of entries and federations. */
  keys(): readonly string[];
}

async function inHouse(run: (house: House) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'set-'));
  const state = await State.open({ dataDir, clock: new ManualClock(), random: systemRandom, log: silentLog });
  const apply: House['apply'] = (question, ...documents) => {
    const documentsJson = documents.map((one) => JSON.stringify(one));
    return applyDocuments({ state, by: 'test' }, { documentsJson, dryRun: false }, { ...NO_SET, ...question });
  };
  const keys = () =>
    (['Entry', 'Federation'] as const)
      .flatMap((kind) => state.registry.list(kind, 'bank-a').map(({ key }) => key))
      .sort();
  try {
    await apply({}, domain);
    await run({ state, apply, keys });
  } finally {
    await state.close();
    rmSync(dataDir, { recursive: true });
  }
}

const changed = ({ changes }: Awaited<ReturnType<typeof applyDocuments>>): readonly string[] =>
  changes.map(({ verb, kind, key }) => `${verb} ${kind} ${key}`);
const mine = { set: 'mine', prune: true };

test('attack on a set by haste: of two that take the same document at once one is refused; what was moved meanwhile is not pruned', () =>
  inHouse(async ({ state, apply, keys }) => {
    const [first, second] = await Promise.allSettled([
      apply({ set: 'mine' }, entry('a')),
      apply({ set: 'theirs' }, entry('a')),
    ]);
    assert.equal(first.status, 'fulfilled');
    assert.equal(second.status === 'rejected' && faultCode(second.reason), 'STORE_CONTENDED');
    const present = state.registry.find<object>('Entry', 'bank-a', 'a');
    const moved = state.commit(
      'bank-a',
      [{ kind: 'Entry', key: 'a', body: { ...present, appliedSet: 'theirs' } }],
      'somebody else',
    );
    await assert.rejects(apply({ ...mine, allowEmpty: true }), (error) => faultCode(error) === 'STORE_CONTENDED');
    await moved;
    assert.deepEqual(keys(), ['a']);
    assert.deepEqual(changed(await apply({ set: 'theirs', prune: true, allowEmpty: true })), ['removed Entry a']);
  }));

test('what a set put there and no document names any more goes; what it never had stays', () =>
  inHouse(async ({ state, apply, keys }) => {
    await apply({}, entry('by-hand'));
    await apply({ set: 'theirs' }, entry('theirs'));
    const body = { id: 'by-api', spiffeId: 'spiffe://bank-a/api', parentId: 'spiffe://bank-a/node/local' };
    const made: EntryResource = { ...body, selectors: ['unix:uid:9'] };
    await state.commit('bank-a', [{ kind: 'Entry', key: 'by-api', body: made }], 'spire');
    assert.deepEqual(changed(await apply(mine, domain, entry('a'), entry('b'), federation('peer'))), [
      'created Entry a',
      'created Entry b',
      'created Federation peer',
    ]);
    assert.deepEqual(changed(await apply(mine, domain, entry('b'))), ['removed Entry a', 'removed Federation peer']);
    assert.deepEqual(keys(), ['b', 'by-api', 'by-hand', 'theirs']);
    // A trust domain is in no set.
    assert.deepEqual(changed(await apply(mine, entry('b'))), []);
    assert.deepEqual(changed(await apply({ ...mine, allowEmpty: true })), ['removed Entry b']);
    assert.notEqual(state.trustDomain('bank-a'), undefined);
  }));

test('without pruning nothing goes, and what is applied without a set stays in the one that it is in', () =>
  inHouse(async ({ apply, keys }) => {
    await apply(mine, entry('a'), entry('b'));
    assert.deepEqual(changed(await apply({ set: 'mine' }, entry('a'))), []);
    assert.deepEqual(changed(await apply({}, entry('b', { hint: 'x' }))), ['updated Entry b']);
    assert.deepEqual(changed(await apply(mine, entry('a'))), ['removed Entry b']);
    assert.deepEqual(keys(), ['a']);
  }));

test('what stands without a set joins the set whose documents name it', () =>
  inHouse(async ({ apply }) => {
    await apply({}, entry('a'));
    assert.deepEqual(changed(await apply(mine, entry('a'), entry('b'))), ['updated Entry a', 'created Entry b']);
    assert.deepEqual(changed(await apply(mine, entry('b'))), ['removed Entry a']);
  }));

test('an entry that was deleted and made anew by somebody else under the same id is not the set’s', () =>
  inHouse(async ({ state, apply, keys }) => {
    await apply(mine, entry('a'), entry('b'));
    const { appliedSet: _, ...body } = state.registry.find<EntryResource>('Entry', 'bank-a', 'a') ?? assert.fail();
    await state.commit('bank-a', [{ kind: 'Entry', key: 'a', body: null }], 'spire');
    await state.commit('bank-a', [{ kind: 'Entry', key: 'a', body }], 'spire');
    assert.deepEqual(changed(await apply(mine, entry('b'))), []);
    assert.deepEqual(keys(), ['a', 'b']);
  }));

test('a document of another set is a problem at its place, and nothing is changed', () =>
  inHouse(async ({ apply, keys }) => {
    await apply({ set: 'theirs' }, entry('a'));
    const { problems, changes } = await apply(mine, entry('new'), entry('a'));
    assert.deepEqual(
      problems.map(({ document, path, found }) => [document, path, found]),
      [[1, 'metadata.name', 'one of the set "theirs"']],
    );
    assert.deepEqual([changes, keys()], [[], ['a']]);
  }));

test('a rename is one apply: the entry of before leaves before the same one comes', () =>
  inHouse(async ({ apply, keys }) => {
    await apply(mine, entry('a'));
    const renamed = entry('renamed', { spiffeId: 'spiffe://bank-a/a' });
    assert.deepEqual(changed(await apply(mine, renamed)), ['removed Entry a', 'created Entry renamed']);
    assert.deepEqual(keys(), ['renamed']);
  }));

test('pruning of one kind leaves the others of the set', () =>
  inHouse(async ({ apply, keys }) => {
    await apply(mine, entry('a'), entry('b'), federation('peer'));
    assert.deepEqual(changed(await apply({ ...mine, onlyKind: 'Entry' }, entry('b'))), ['removed Entry a']);
    assert.deepEqual(keys(), ['b', 'peer']);
  }));

test('pruning without a set, without documents, or of a set that cannot be named is refused', () =>
  inHouse(async ({ apply, keys }) => {
    await apply(mine, entry('a'));
    for (const asked of [
      apply({ prune: true }, entry('b')),
      apply(mine),
      apply({ set: 'Mine', prune: true }, entry('b')),
      apply({ set: `${'x'.repeat(64)}` }, entry('b')),
    ])
      await assert.rejects(asked, (error) => faultCode(error) === 'ARGUMENT_INVALID');
    assert.deepEqual(keys(), ['a']);
  }));

test('what the registry refuses is told of each document: the same entry under another name, a federation with nobody known', () =>
  inHouse(async ({ apply, keys }) => {
    await apply({}, entry('a'));
    const same = entry('other', { spiffeId: 'spiffe://bank-a/a' });
    const stranger = entry('stranger', { federatesWith: ['nobody.example'] });
    const known = entry('known', { federatesWith: ['peer'] });
    const { problems } = await apply({}, known, same, stranger, federation('peer'));
    assert.deepEqual(
      problems.map(({ document, path }) => [document, path]),
      [
        [1, 'spec'],
        [2, 'spec.federatesWith'],
      ],
    );
    assert.match(problems[0]?.found ?? '', /exists already: a$/);
    assert.deepEqual(keys(), ['a']);
    assert.deepEqual((await apply({}, known, federation('peer'))).problems, []);
  }));
