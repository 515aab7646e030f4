import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode } from '#kernel';
import { Logs } from './logs.ts';
import { MemoryStore } from './memory-store.ts';
import type { Change, Commit, PendingReceipt } from './store.ts';

const agent = (key: string, body: unknown = { key }): Change => ({ kind: 'Agent', key, body });
const receipt = (id: string): PendingReceipt => ({ trustDomain: 'bank-a', id, body: `{"id":"${id}"}` });

/** Says how often it was written to, and fails or waits when it is told to. */
class Watched extends MemoryStore {
  commits = 0;
  failing = false;
  before: () => Promise<unknown> = async () => undefined;

  override async commit(commit: Commit): Promise<boolean> {
    this.commits++;
    await new Promise((resolve) => setImmediate(resolve));
    await this.before();
    if (this.failing) throw new Fault('STORE_UNAVAILABLE', 'away');
    return super.commit(commit);
  }
}

async function opened(): Promise<{ readonly store: Watched; readonly logs: Logs }> {
  const store = new Watched();
  return { store, logs: await Logs.open(store) };
}

const put = (logs: Logs, key: string, body?: unknown) =>
  logs.commitTogether(['a'], () => ({ changes: new Map([['a', [agent(key, body)]]]), receipts: () => [receipt(key)] }));

test('who commits while a commit is under way shares the next one: each change and receipt is written once', async () => {
  const { store, logs } = await opened();
  const told: string[] = [];
  logs.held.onCommit(({ changes }) => told.push(...changes.map(({ key }) => key)));
  const keys = Array.from({ length: 100 }, (_, index) => `${index}`);
  const first = put(logs, 'first');
  await new Promise((resolve) => setImmediate(resolve));
  const committed = await Promise.all(keys.map((key) => put(logs, key)));
  await first;
  assert.equal(store.commits, 2);
  assert.deepEqual(told, ['first', ...keys]);
  assert.deepEqual(
    committed.map(({ committed: [one], receipts }) => [one?.revision, one?.changes.length, receipts[0]?.id]),
    keys.map((key) => [2, 1, key]),
  );
  const again = await Logs.open(store);
  assert.deepEqual([...again.held.list('a', 'Agent')].map(({ key }) => key).sort(), ['first', ...keys].sort());
  assert.equal((await store.pendingReceipts(1000)).length, 101);
});

test('of many who take the same thing in one transaction exactly one has it, and the others are refused', async () => {
  const { store, logs } = await opened();
  await put(logs, 'token');
  const take = () =>
    logs.commitTogether(['a'], () => {
      if (
        logs.held.find('a', 'Agent', 'token') === undefined ||
        ![...logs.held.list('a', 'Agent')].some((one) => one.key === 'token')
      )
        throw new Fault('AGENT_TOKEN_INVALID', 'used');
      return { changes: new Map([['a', [agent('token', null), agent(`taken`)]]]), receipts: () => [receipt('taken')] };
    });
  const outcomes = await Promise.allSettled([...Array.from({ length: 20 }, take), put(logs, 'other')]);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2);
  assert.deepEqual([...logs.held.list('a', 'Agent')].map(({ key }) => key).sort(), ['other', 'taken']);
  assert.equal(store.commits, 2);
});

test('nobody but the plans sees what is planned, before it is written or when the store refuses it', async () => {
  const { store, logs } = await opened();
  let seen: unknown = 'nothing';
  store.before = async () => {
    seen = logs.held.find('a', 'Agent', 'x') ?? [...logs.held.list('a', 'Agent')][0];
  };
  store.failing = true;
  const outcomes = await Promise.allSettled([put(logs, 'x'), put(logs, 'y')]);
  assert.deepEqual(
    outcomes.map((one) => one.status === 'rejected' && faultCode(one.reason)),
    ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'],
  );
  assert.equal(seen, undefined);
  assert.equal(logs.held.find('a', 'Agent', 'x'), undefined);
  store.failing = false;
  await put(logs, 'x', 1);
  await Promise.all([put(logs, 'x', 2), put(logs, 'x', 3)]);
  assert.equal(logs.held.find('a', 'Agent', 'x')?.body, 3);
});

test('when another server was first all are asked again, but for those that have their answer', async () => {
  const { store, logs } = await opened();
  await put(logs, 'stands');
  let asked = 0;
  const refusedOnce = logs.commitTogether(['a'], () => {
    if (asked++ === 0) throw new Fault('AGENT_TOKEN_INVALID', 'refused');
    return { changes: new Map([['a', [agent('wrong')]]]) };
  });
  const decided = logs.commitTogether(['a'], () => {
    const body = logs.held.find('a', 'Agent', 'stands')?.body;
    return { changes: new Map([['a', [agent('copy', body)]]]) };
  });
  let first = true;
  store.before = async () => {
    if (!first) return;
    first = false;
    await MemoryStore.prototype.commit.call(store, {
      logs: [{ log: 'a', expected: 1, changes: [agent('stands', 'of another server')] }],
    });
  };
  await assert.rejects(refusedOnce, (error) => faultCode(error) === 'AGENT_TOKEN_INVALID');
  await decided;
  assert.equal(asked, 1);
  assert.equal(logs.held.find('a', 'Agent', 'copy')?.body, 'of another server');
  assert.equal(logs.held.find('a', 'Agent', 'wrong'), undefined);
});
