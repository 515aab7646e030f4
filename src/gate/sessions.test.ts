import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { silentLog } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import type { X509Svid } from '#spiffe';
import { ACCOUNTS, ALICE, askServer, asUser, type Bank, CAROL, openBank, until } from './gate.harness.ts';
import { queryMessage } from './messages.ts';
import { RawClient } from './raw-client.harness.ts';

const USERS = 'spiffe://bank-a/user-service';
let bank: Bank;
before(async () => {
  bank = await openBank();
});
after(() => bank.close());

async function using<T>(spiffeId: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await bank.connect(spiffeId);
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

const rowsOf = async (client: pg.Client): Promise<number> => (await client.query('SELECT * FROM accounts')).rows.length;

async function begin(client: pg.Client, user = ALICE): Promise<string> {
  const { token, txn } = await bank.minters.token(user);
  await client.query('BEGIN');
  await client.query(`SET hauberk.txn_token = '${token}'`);
  return txn;
}

test('a COMMIT among the statements of one message ends the context there', async () => {
  await using(ACCOUNTS, async (client) => {
    const txn = await begin(client);
    const results: unknown = await client.query('SELECT * FROM accounts; COMMIT; SELECT * FROM accounts');
    assert.deepEqual(
      Object(results).map(({ rowCount }: pg.QueryResult) => rowCount),
      [2, null, 0],
    );
    const left = bank.workload.receipts.filter((receipt) => receipt.txn === txn);
    assert.deepEqual(
      left.map(({ action, code }) => [action, code]),
      [['commit', 'ALLOWED']],
    );
  });
});

for (const end of ['COMMIT', 'ROLLBACK']) {
  test(`a transaction that begins in the message that ends another by ${end} has no context, and may be given one`, async () => {
    await using(ACCOUNTS, async (client) => {
      await begin(client);
      await client.query(`${end}; BEGIN`);
      assert.equal(await rowsOf(client), 0);
      const { token } = await bank.minters.token(CAROL);
      await client.query(`SET hauberk.txn_token = '${token}'`);
      assert.equal(await rowsOf(client), 1);
      await client.query('COMMIT');
    });
  });
}

test('DISCARD ALL, RESET ALL and SET LOCAL change neither role nor context for good', async () => {
  await using(ACCOUNTS, async (client) => {
    const me = async (): Promise<unknown> => (await client.query('SELECT current_user AS me')).rows[0]?.me;
    const before = await me();
    await client.query('DISCARD ALL');
    assert.equal(await me(), before);
    assert.equal(await rowsOf(client), 0);
    await begin(client);
    await client.query('RESET ALL');
    assert.equal(await rowsOf(client), 0);
    await client.query('COMMIT');
    await begin(client);
    await client.query("SET LOCAL statement_timeout = '5s'");
    assert.equal(await rowsOf(client), 2);
    await client.query('COMMIT');
    assert.equal((await client.query('SHOW statement_timeout')).rows[0]?.statement_timeout, '0');
  });
});

test('the same statement prepared by hand serves each transaction its own user', async () => {
  await using(ACCOUNTS, async (client) => {
    await client.query('PREPARE mine AS SELECT * FROM accounts');
    for (const [user, rows] of [
      [ALICE, 2],
      [CAROL, 1],
    ] as const) {
      await begin(client, user);
      assert.equal((await client.query('EXECUTE mine')).rows.length, rows);
      await client.query('COMMIT');
      assert.equal((await client.query('EXECUTE mine')).rows.length, 0);
    }
  });
});

test('a cursor that outlives its transaction shows what its own user saw, and no other transaction opens one', async () => {
  await using(ACCOUNTS, async (client) => {
    await begin(client, CAROL);
    await client.query('DECLARE held CURSOR WITH HOLD FOR SELECT * FROM accounts');
    await client.query('COMMIT');
    assert.equal((await client.query('FETCH ALL FROM held')).rows.length, 1);
    await client.query('CLOSE held');
    await client.query('DECLARE none CURSOR WITH HOLD FOR SELECT * FROM accounts');
    assert.equal((await client.query('FETCH ALL FROM none')).rows.length, 0);
  });
});

test('LISTEN and NOTIFY pass', async () => {
  await using(ACCOUNTS, (listener) =>
    using(ACCOUNTS, async (speaker) => {
      const heard: unknown[] = [];
      listener.on('notification', ({ payload }) => heard.push(payload));
      await listener.query('LISTEN news');
      await speaker.query("NOTIFY news, 'one'");
      await until(() => heard.length === 1);
      assert.deepEqual(heard, ['one']);
    }),
  );
});

test('COPY shows own rows only, and copies nothing in past row-level security', async () => {
  const client = await RawClient.open(bank.gate.port, await bank.authorities.svid(ACCOUNTS));
  const { token } = await bank.minters.token(ALICE);
  client.write(queryMessage('BEGIN'), queryMessage(`SET hauberk.txn_token = '${token}'`));
  client.write(queryMessage('COPY accounts TO STDOUT'), queryMessage('COPY (SELECT * FROM accounts) TO STDOUT'));
  await client.until(() => client.count('Z') === 5);
  assert.equal(client.count('d'), 4);
  client.write(queryMessage('COMMIT'), queryMessage('COPY accounts TO STDOUT'));
  await client.until(() => client.count('Z') === 7);
  assert.equal(client.count('d'), 4);
  client.write(queryMessage('COPY accounts FROM STDIN'));
  await client.until(() => client.count('Z') === 8);
  assert.equal(client.errors().length, 1);
  client.socket.destroy();
});

test('a row larger than any message that the gate holds passes through', async () => {
  await using(ACCOUNTS, async (client) => {
    const { rows } = await client.query("SELECT repeat('x', 40000000) AS x");
    assert.equal(rows[0]?.x.length, 40_000_000);
  });
});

test('200 clients at once each see their own rows; no workload takes every place, and one more is told that there is none', async () => {
  const svids = { accounts: await bank.authorities.svid(ACCOUNTS), users: await bank.authorities.svid(USERS) };
  const connect = (svid: X509Svid, count: number): Promise<pg.Client[]> =>
    Promise.all(Array.from({ length: count }, () => bank.connect(ACCOUNTS, { svid })));
  const accounts = await connect(svids.accounts, 150);
  await assert.rejects(bank.connect(ACCOUNTS, { svid: svids.accounts }), /^error: LIMIT_EXCEEDED: /);
  const users = await connect(svids.users, 50);
  await assert.rejects(bank.connect(USERS, { svid: svids.users }), /^error: LIMIT_EXCEEDED: /);
  const seen = await Promise.all(
    accounts.map((client, index) => asUser(bank, client, index % 2 === 0 ? ALICE : CAROL, () => rowsOf(client))),
  );
  assert.ok(seen.every((rows, index) => rows === (index % 2 === 0 ? 2 : 1)));
  await Promise.all([...accounts, ...users].map((client) => client.end()));
  await using(ACCOUNTS, async (client) => assert.equal(await asUser(bank, client, ALICE, () => rowsOf(client)), 2));
});

for (const [what, revoke] of [
  ['its user', () => ({ kind: 'user' as const, value: ALICE })],
  ['its workload', () => ({ kind: 'workload' as const, value: ACCOUNTS })],
] as const) {
  test(`revoking ${what} ends a session in its transaction, and the statement that runs in it`, async () => {
    const client = await bank.connect(ACCOUNTS);
    await begin(client);
    const running = client.query('SELECT pg_sleep(60)').then(
      () => 'it went on',
      (error: Error) => error.message,
    );
    const sql =
      "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'";
    const isRunning = async (): Promise<boolean> => (await askServer(bank, sql)) === 1;
    while (!(await isRunning()));
    bank.workload.revocations.push({ ...revoke(), revokedAt: Math.floor(Date.now() / 1000) + 5 });
    bank.workload.changed();
    assert.match(await running, /^(?:TOKEN|PEER)_REVOKED: /);
    const deadline = performance.now() + 10_000;
    while (await isRunning()) assert.ok(performance.now() < deadline, 'the statement goes on');
    bank.workload.revocations.pop();
  });
}

test('a server that is killed in the middle of a transaction ends the session, and its receipt says so', async () => {
  const client = await bank.connect(ACCOUNTS);
  const txn = await begin(client);
  await rowsOf(client);
  process.kill(bank.postgres.pid, 'SIGKILL');
  // Its sessions notice a moment later.
  await assert.rejects(async () => {
    for (;;) await client.query('SELECT pg_sleep(0.01)');
  });
  const receipt = await until(() => bank.workload.receipts.find((one) => one.txn === txn));
  assert.equal(receipt.action, 'unfinished');
  await bank.postgres.close();
  const again = await startPostgres({ dir: join(bank.dir, 'pg'), log: silentLog });
  await using(ACCOUNTS, async (next) => assert.equal(await asUser(bank, next, ALICE, () => rowsOf(next)), 2));
  await again.close();
});
