import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { isReasonCode } from '#chain';
import { ACCOUNTS, ALICE, asUser, type Bank, CAROL, LEDGER, openBank, until } from './gate.harness.ts';

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

/** What a client was told; its id finds the receipt, whose code is the same. */
async function refused(work: Promise<unknown>, code: string): Promise<string> {
  const error: unknown = await work.then(
    () => assert.fail(`expected ${code}`),
    (thrown: unknown) => thrown,
  );
  const { message, detail } = Object(error);
  assert.equal(String(message).split(':')[0], code, String(message));
  const id = /^id ([0-9a-f]{32})$/.exec(String(detail))?.[1] ?? '';
  const receipt = bank.workload.receipts.find((one) => one.id === id);
  assert.equal(receipt?.code, code);
  assert.equal(receipt?.effect, 'deny');
  assert.equal(receipt?.kind, 'database');
  assert.ok(isReasonCode(code));
  return id;
}

const rowsOf = async (client: pg.Client): Promise<number> => (await client.query('SELECT * FROM accounts')).rows.length;

test('a user sees own rows and nobody else does; the commit leaves a receipt', async () => {
  await using(ACCOUNTS, async (client) => {
    const txn = await asUser(bank, client, ALICE, async (current) => {
      await client.query(`SET hauberk.traceparent TO '00-${current}-00000000000000aa-01';`);
      assert.equal(await rowsOf(client), 2);
      assert.equal((await client.query('SELECT * FROM accounts WHERE balance_cents > $1', [0])).rows.length, 2);
      return current;
    });
    assert.equal(await asUser(bank, client, CAROL, () => rowsOf(client)), 1);
    const receipt = await until(() => bank.workload.receipts.find((one) => one.txn === txn));
    const { id: _id, span: _span, startedAt: _at, durationUs: _duration, ...rest } = receipt;
    assert.deepEqual(rest, {
      txn,
      kind: 'database',
      trustDomain: 'platform.example',
      workload: 'spiffe://platform.example/gate',
      effect: 'allow',
      code: 'ALLOWED',
      parentSpan: '00000000000000aa',
      user: ALICE,
      tenant: 'bank-a',
      peer: ACCOUNTS,
      proof: 'x509-svid + txn-token + signed context',
      rule: 'bank_a_accounts',
      action: 'commit',
      resource: 'bank',
    });
  });
});

test('without a context no row is shown, and each transaction leaves one denial', async () => {
  await using(ACCOUNTS, async (client) => {
    const notices: string[] = [];
    client.on('notice', ({ message }) => notices.push(String(message)));
    const before = bank.workload.receipts.length;
    assert.equal(await rowsOf(client), 0);
    await client.query('BEGIN');
    assert.equal(await rowsOf(client), 0);
    assert.equal((await client.query('SELECT count(*)::int AS n FROM accounts')).rows[0]?.n, 0);
    await client.query('COMMIT');
    await client.query('SELECT 1');
    const left = bank.workload.receipts.slice(before).map(({ code }) => code);
    assert.deepEqual(left, ['DATABASE_NO_CONTEXT', 'DATABASE_NO_CONTEXT']);
    assert.equal(notices.length, 2);
    assert.match(notices[0] ?? '', /^DATABASE_NO_CONTEXT: /);
  });
});

test('a statement that shows no column of a table is found out all the same', async () => {
  await using(ACCOUNTS, async (client) => {
    const before = bank.workload.receipts.length;
    await client.query('SELECT count(*) FROM accounts');
    assert.equal(bank.workload.receipts.at(before)?.code, 'DATABASE_NO_CONTEXT');
  });
});

test('the context ends with its transaction, by COMMIT and by ROLLBACK', async () => {
  await using(ACCOUNTS, async (client) => {
    await asUser(bank, client, ALICE, () => rowsOf(client));
    assert.equal(await rowsOf(client), 0);
    const { token } = await bank.minters.token(ALICE);
    await client.query('BEGIN');
    await client.query(`SET hauberk.txn_token = '${token}'`);
    await client.query('ROLLBACK');
    assert.equal(await rowsOf(client), 0);
  });
});

test('a user writes own rows once, and cannot write in the name of another', async () => {
  const bob = 'spiffe://bank-b/user/20001';
  await using(LEDGER, async (client) => {
    const insert = 'INSERT INTO ledger_entries (recipient, amount_cents, reference) VALUES ($1, $2, $3)';
    await asUser(bank, client, bob, () => client.query(insert, ['rent', 1250, 'r-1']));
    await asUser(bank, client, bob, () => client.query(`${insert} ON CONFLICT DO NOTHING`, ['rent', 1250, 'r-1']));
    const count = await asUser(bank, client, bob, () => client.query('SELECT * FROM ledger_entries'));
    assert.equal(count.rows.length, 1);
    assert.equal(count.rows[0]?.owner, bob);
    const other = 'INSERT INTO ledger_entries (owner, recipient, amount_cents, reference) VALUES ($1, $2, 1, $3)';
    const attempt = asUser(bank, client, bob, () => client.query(other, ['spiffe://bank-b/user/1', 'x', 'y']));
    await refused(attempt, 'DATABASE_ACCESS_DENIED');
    await client.query('ROLLBACK');
    await refused(client.query(insert, ['rent', 1, 'r-2']), 'DATABASE_NO_CONTEXT');
  });
});

const forgeries = [
  '{"user":"spiffe://bank-a/user/12345"}',
  `v1.0123456789abcdef.e30=.${'0'.repeat(64)}`,
  `v1.0123456789abcdef.%%%.${'0'.repeat(64)}`,
  'v2.x.y.z',
  `v1.0123456789abcdef.${'A'.repeat(20_000)}.${'0'.repeat(64)}`,
];
for (const [index, forged] of forgeries.entries()) {
  test(`a context that the gate did not sign is an error: ${index}`, async () => {
    await using(ACCOUNTS, async (client) => {
      for (const way of [
        `SELECT set_config('hauberk.context', '${forged}', true)`,
        `SET LOCAL hauberk.context = '${forged}'`,
      ]) {
        await client.query('BEGIN');
        await client.query(way);
        await refused(rowsOf(client), 'DATABASE_CONTEXT_FORGED');
        await client.query('ROLLBACK');
      }
    });
  });
}

test('a signed context with one byte changed is forged', async () => {
  await using(ACCOUNTS, async (client) => {
    await asUser(bank, client, ALICE, async () => {
      const context = await contextOf(client);
      const last = context.at(-1) === '0' ? '1' : '0';
      await client.query(`SELECT set_config('hauberk.context', '${context.slice(0, -1)}${last}', true)`);
      await refused(rowsOf(client), 'DATABASE_CONTEXT_FORGED');
    }).catch(() => {});
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    await client.query("SELECT set_config('hauberk.user_id', 'spiffe://bank-a/user/12345', true)");
    assert.equal(await rowsOf(client), 0);
  });
});

async function contextOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query("SELECT current_setting('hauberk.context', true) AS context");
  return String(rows[0]?.context);
}

async function replay(client: pg.Client, context: string): Promise<void> {
  await client.query('BEGIN');
  await client.query(`SELECT set_config('hauberk.context', '${context}', true)`);
  await refused(client.query('SELECT hauberk.user_id()'), 'DATABASE_CONTEXT_REPLAYED');
  await client.query('ROLLBACK');
}

test('a valid context is refused in another transaction, on another connection and under another role', async () => {
  await using(ACCOUNTS, async (first) => {
    const spent = await asUser(bank, first, ALICE, () => contextOf(first));
    await replay(first, spent);
    await first.query(`SET hauberk.context = '${spent}'`);
    await refused(rowsOf(first), 'DATABASE_CONTEXT_REPLAYED');
    await asUser(bank, first, ALICE, async () => {
      const live = await contextOf(first);
      await using(ACCOUNTS, (second) => replay(second, live));
      await using(LEDGER, (third) => replay(third, live));
      assert.equal(await rowsOf(first), 2);
    });
  });
});

test('a context is refused when its token has expired', async () => {
  await using(ACCOUNTS, async (client) => {
    const { token } = await bank.minters.token(ALICE, 1);
    await client.query('BEGIN');
    await client.query(`SET hauberk.txn_token = '${token}'`);
    await client.query('SELECT pg_sleep(1.1)');
    await refused(rowsOf(client), 'DATABASE_CONTEXT_EXPIRED');
  });
});

const roleChanges = [
  'SET ROLE postgres',
  'set  role bank_b_ledger',
  '/* a /* b */ c */ SET ROLE hauberk_owner',
  '-- x\nRESET ROLE',
  'RESET ROLE',
  'SET SESSION AUTHORIZATION DEFAULT',
  'SET LOCAL SESSION AUTHORIZATION postgres',
  'RESET SESSION AUTHORIZATION',
  'SELECT 1; SET ROLE postgres',
  "SELECT set_config('role', 'postgres', true)",
  "SELECT set_config('session_authorization', 'postgres', true)",
];
for (const statement of roleChanges) {
  test(`the role of a connection cannot be changed: ${statement.replace('\n', ' ')}`, async () => {
    await using(ACCOUNTS, async (client) => {
      await client.query('BEGIN');
      await refused(client.query(statement), 'DATABASE_ROLE_CHANGE');
      await assert.rejects(client.query('SELECT 1'), { code: '25P02' });
      await client.query('ROLLBACK');
      assert.equal(await rowsOf(client), 0);
    });
  });
}

test('the role cannot be changed by a prepared statement either', async () => {
  await using(ACCOUNTS, async (client) => {
    await refused(client.query({ name: 'climb', text: 'SET ROLE postgres' }), 'DATABASE_ROLE_CHANGE');
    assert.match((await client.query('SELECT current_user AS me')).rows[0]?.me, /^bank_a_accounts@[0-9a-f]{16}$/);
  });
});

const climbs = [
  'CREATE FUNCTION pg_temp.climb() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$',
  'CREATE TABLE climb (x int)',
  'ALTER TABLE accounts DISABLE ROW LEVEL SECURITY',
  'SELECT * FROM hauberk.context_key',
  'SELECT * FROM profiles',
  'SELECT * FROM ledger_entries',
  'CREATE OR REPLACE FUNCTION hauberk.user_id() RETURNS text LANGUAGE sql AS $$ SELECT 1 $$',
  'ALTER ROLE bank_a_accounts BYPASSRLS',
  "ALTER ROLE CURRENT_USER PASSWORD 'known to me'",
  "ALTER USER SESSION_USER SET search_path = 'pg_temp'",
  'DROP OWNED BY bank_a_accounts',
  "DO $$ BEGIN EXECUTE 'SET ROLE postgres'; END $$",
  "DO $$ BEGIN EXECUTE 'ALT' || 'ER ROLE CURRENT_USER PASSWORD ''known to me'''; END $$",
  "COPY accounts TO PROGRAM 'cat'",
];
for (const statement of climbs) {
  test(`what the role has no right to is refused: ${statement.slice(0, 50)}`, async () => {
    await using(ACCOUNTS, (client) => refused(client.query(statement), 'DATABASE_ACCESS_DENIED'));
  });
}

test('text that a function of the server runs changes no role', async () => {
  await using(ACCOUNTS, async (client) => {
    const run = client.query("SELECT query_to_xml('SET ROLE postgres', false, false, '')");
    await assert.rejects(run, { code: '0A000' });
  });
});

test('row security cannot be switched off', async () => {
  await using(ACCOUNTS, async (client) => {
    await client.query('SET row_security = off');
    await refused(rowsOf(client), 'DATABASE_NO_CONTEXT');
  });
});

test('the token is taken inside a transaction, once, as one statement', async () => {
  const { token } = await bank.minters.token(ALICE);
  const set = `SET hauberk.txn_token = '${token}'`;
  await using(ACCOUNTS, async (client) => {
    await refused(client.query(set), 'DATABASE_CONTEXT_MISPLACED');
    for (const [first, second] of [
      [set, set],
      ['SELECT 1', `SELECT 1; ${set}`],
      ['SELECT 1', `SELECT set_config('hauberk.txn_token', '${token}', true)`],
      ['SELECT 1', `SET hauberk."TXN_TOKEN" = '${token}'`],
    ] as const) {
      await client.query('BEGIN');
      await client.query(first);
      await refused(client.query(second), 'DATABASE_CONTEXT_MISPLACED');
      await client.query('ROLLBACK');
    }
    await refused(client.query({ name: 'x', text: set }), 'DATABASE_CONTEXT_MISPLACED');
  });
  await using(ACCOUNTS, async (client) => {
    const bound = client.query('SELECT $1::text', [`SET hauberk.txn_token = '${token}'`]);
    await refused(bound, 'DATABASE_CONTEXT_MISPLACED');
  });
  assert.ok(!readFileSync(bank.postgres.logFile, 'utf8').includes(token.slice(0, 40)));
  assert.ok(!JSON.stringify(bank.workload.receipts).includes(token.slice(0, 40)));
});

test('a token that does not verify is refused with its own code', async () => {
  await using(ACCOUNTS, async (client) => {
    const { token } = await bank.minters.token('spiffe://bank-b/user/20001');
    for (const [given, code] of [
      ['', 'TOKEN_MALFORMED'],
      ['a.b.c', 'TOKEN_MALFORMED'],
      [token, 'TOKEN_AUDIENCE_MISMATCH'],
      ['x'.repeat(9000), 'LIMIT_EXCEEDED'],
    ] as const) {
      await client.query('BEGIN');
      await refused(client.query(`SET hauberk.txn_token = '${given}'`), code);
      await client.query('ROLLBACK');
    }
  });
});

test('a workload without a role is refused, and so is another database', async () => {
  await refused(bank.connect('spiffe://bank-a/api-gateway'), 'DATABASE_ROLE_UNMAPPED');
  await refused(bank.connect(ACCOUNTS, { database: 'postgres' }), 'DATABASE_ACCESS_DENIED');
});

test('a prepared statement shows each user own rows, and none without a context', async () => {
  await using(ACCOUNTS, async (client) => {
    const read = async (): Promise<number> =>
      (await client.query({ name: 'mine', text: 'SELECT * FROM accounts' })).rows.length;
    for (const _ of [1, 2, 3, 4, 5, 6]) {
      assert.equal(await asUser(bank, client, ALICE, read), 2);
      assert.equal(await asUser(bank, client, CAROL, read), 1);
      assert.equal(await read(), 0);
    }
  });
});

test('statements that are sent before the answers come keep their order', async () => {
  await using(ACCOUNTS, async (client) => {
    const { token } = await bank.minters.token(ALICE);
    const all = [
      'BEGIN',
      `SET hauberk.txn_token = '${token}'`,
      'SELECT * FROM accounts',
      'COMMIT',
      'SELECT * FROM accounts',
    ];
    const answers = await Promise.all(all.map((sql) => client.query(sql)));
    assert.deepEqual([answers[2]?.rows.length, answers[4]?.rows.length], [2, 0]);
  });
});

test('a transaction that follows by COMMIT AND CHAIN has no context, and may be given one', async () => {
  await using(ACCOUNTS, async (client) => {
    for (const end of ['COMMIT AND CHAIN', 'ROLLBACK AND CHAIN']) {
      const { token } = await bank.minters.token(ALICE);
      await client.query('BEGIN');
      await client.query(`SET hauberk.txn_token = '${token}'`);
      assert.equal(await rowsOf(client), 2);
      await client.query(end);
      assert.equal(await rowsOf(client), 0);
      await client.query(`SET hauberk.txn_token = '${token}'`);
      assert.equal(await rowsOf(client), 2);
      await client.query('ROLLBACK');
    }
  });
});

test('a savepoint that is rolled back takes the context with it only when it was set after it', async () => {
  await using(ACCOUNTS, async (client) => {
    const { token } = await bank.minters.token(ALICE);
    for (const statement of ['BEGIN', `SET hauberk.txn_token = '${token}'`, 'SAVEPOINT a', 'ROLLBACK TO a'])
      await client.query(statement);
    assert.equal(await rowsOf(client), 2);
    for (const statement of ['ROLLBACK', 'BEGIN', 'SAVEPOINT a', `SET hauberk.txn_token = '${token}'`, 'ROLLBACK TO a'])
      await client.query(statement);
    assert.equal(await rowsOf(client), 0);
  });
});

test('a read-only and a serializable transaction take a context', async () => {
  await using(ACCOUNTS, async (client) => {
    for (const begin of ['BEGIN READ ONLY', 'BEGIN ISOLATION LEVEL SERIALIZABLE']) {
      const { token } = await bank.minters.token(ALICE);
      await client.query(begin);
      await client.query(`SET hauberk.txn_token = '${token}'`);
      assert.equal(await rowsOf(client), 2);
      await client.query('COMMIT');
    }
  });
});

test('twenty clients at once each see their own', async () => {
  const seen = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      using(ACCOUNTS, (client) => asUser(bank, client, index % 2 === 0 ? ALICE : CAROL, () => rowsOf(client))),
    ),
  );
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 2 : 1)),
  );
});

test('a large result and a large parameter pass', async () => {
  await using(ACCOUNTS, async (client) => {
    const { rows } = await client.query('SELECT i, repeat($1, 100) AS x FROM generate_series(1, 20000) i', [
      'ab'.repeat(50),
    ]);
    assert.equal(rows.length, 20_000);
    const text = 'x'.repeat(3_000_000);
    assert.equal((await client.query('SELECT length($1::text) AS n', [text])).rows[0]?.n, 3_000_000);
  });
});
