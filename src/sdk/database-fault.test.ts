import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '#kernel';
import { databaseFault } from './database-fault.ts';
import { runTransaction } from './transaction.ts';

const error = (message: string, detail?: string) =>
  Object.assign(new Error(message), { severity: 'ERROR', code: 'HB001', detail });

test("the gate's error keeps its code and id, another one stays inside", () => {
  const fault = databaseFault(error('DATABASE_CONTEXT_FORGED: not signed', `id ${'a'.repeat(32)}`));
  assert.deepEqual([fault.code, fault.details.id], ['DATABASE_CONTEXT_FORGED', 'a'.repeat(32)]);
  for (const other of ['syntax error at "secret"', 'NOT_A_REGISTERED_CODE: x', 'relation x']) {
    assert.equal(databaseFault(error(other)).code, 'INTERNAL_ERROR');
    assert.ok(!databaseFault(error(other)).message.includes('secret'));
  }
});

function fakeDatabase(fail?: string) {
  const said: string[] = [];
  const connection = {
    query: async (text: string) => {
      said.push(text);
      if (fail !== undefined && text.startsWith(fail)) throw error('DATABASE_ACCESS_DENIED: no');
      return { rows: [], rowCount: 0 };
    },
    release: () => said.push('release'),
  };
  return { said, database: { connect: async () => connection, end: async () => undefined } };
}

const carried = { token: 'a.b.c', traceparent: '00-x' };

test('a transaction sets its context first, commits, and gives the connection back', async () => {
  const { said, database } = fakeDatabase();
  assert.equal(await runTransaction(database, carried, async (tx) => (await tx.query('SELECT 1')).rows.length), 0);
  assert.deepEqual(said, [
    'BEGIN',
    "SET hauberk.traceparent = '00-x'",
    "SET hauberk.txn_token = 'a.b.c'",
    'SELECT 1',
    'COMMIT',
    'release',
  ]);
});

test('a transaction that fails is rolled back, whoever failed', async () => {
  for (const failing of ['SET hauberk.txn_token', 'SELECT', 'COMMIT']) {
    const { said, database } = fakeDatabase(failing);
    const run = runTransaction(database, carried, (tx) => tx.query('SELECT 1'));
    await assert.rejects(run, (thrown) => thrown instanceof Fault && thrown.code === 'DATABASE_ACCESS_DENIED');
    assert.deepEqual(said.slice(-2), ['ROLLBACK', 'release']);
  }
  const { said, database } = fakeDatabase();
  await assert.rejects(
    runTransaction(database, carried, async () => Promise.reject(new RangeError('own'))),
    RangeError,
  );
  assert.deepEqual(said.slice(-2), ['ROLLBACK', 'release']);
});

test('without a user there is no transaction', async () => {
  const { said, database } = fakeDatabase();
  await assert.rejects(
    runTransaction(database, { ...carried, token: undefined }, async () => 1),
    (thrown) => thrown instanceof Fault && thrown.code === 'TOKEN_MISSING',
  );
  assert.deepEqual(said, []);
});
