import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ACCOUNTS, ALICE, askServer, asUser, type Bank, openBank } from './gate.harness.ts';
import { int32, message, queryMessage } from './messages.ts';
import { bind, execute, parse, RawClient, sync } from './raw-client.harness.ts';

let bank: Bank;
before(async () => {
  bank = await openBank();
});
after(() => bank.close());

async function open(): Promise<RawClient> {
  return RawClient.open(bank.gate.port, await bank.authorities.svid(ACCOUNTS));
}

async function begin(client: RawClient): Promise<void> {
  const { token } = await bank.minters.token(ALICE);
  client.write(queryMessage('BEGIN'), queryMessage(`SET hauberk.txn_token = '${token}'`));
  await client.until(() => client.count('Z') === 3);
}

const rowsIn = (client: RawClient): number => client.count('D');

test('pipelined: many Parse, Bind and Execute before one Sync, and several Syncs before the first answer', async () => {
  const client = await open();
  await begin(client);
  const one = [parse('SELECT id FROM accounts WHERE balance_cents > $1::bigint'), bind('', '0'), execute()];
  client.write(...one, ...one, ...one, sync(), ...one, sync(), ...one, sync());
  await client.until(() => client.count('Z') === 6);
  assert.equal(rowsIn(client), 10);
  assert.deepEqual(client.errors(), []);
  client.socket.destroy();
});

test('an error in a pipeline skips to its Sync, and what follows it goes on', async () => {
  const client = await open();
  const [good, bad] = [
    [parse('SELECT 1'), bind(), execute()],
    [parse('SELECT nothing'), bind(), execute()],
  ];
  client.write(...good, ...bad, ...good, sync(), ...good, sync());
  await client.until(() => client.count('Z') === 3);
  assert.equal(rowsIn(client), 2);
  assert.equal(client.errors().length, 1);
  client.socket.destroy();
});

test('a refusal in a pipeline is told at its place, whatever is bound to it, and nothing after it runs before the Sync', async () => {
  const client = await open();
  for (const values of [[], ['x'], ['x', 'y']]) {
    const before = client.said.length;
    const ready = client.count('Z') + 1;
    client.write(parse('SET ROLE postgres'), bind('', ...values), execute());
    client.write(parse('SELECT 1'), bind(), execute(), sync());
    await client.until(() => client.count('Z') === ready);
    const answers = client.said
      .slice(before)
      .map(({ type }) => type)
      .join('');
    assert.equal(answers, 'EZ');
  }
  assert.ok(
    client.errors().every((text) => text.startsWith('DATABASE_ROLE_CHANGE: ')),
    client.errors().join(),
  );
  client.socket.destroy();
});

test('a token in the extended protocol is refused, as statement and as parameter, and never reaches the server', async () => {
  const { token } = await bank.minters.token(ALICE);
  for (const messages of [
    [parse(`SET hauberk.txn_token = '${token}'`), bind(), execute(), sync()],
    [parse('SET hauberk.txn_token = $1'), bind('', token), execute(), sync()],
    [parse("SELECT set_config('hauberk.txn_token', $1, true)"), bind('', token), execute(), sync()],
  ]) {
    const client = await open();
    client.write(...messages);
    await client.until(() => client.errors().length > 0);
    assert.match(client.errors()[0] ?? '', /^DATABASE_CONTEXT_MISPLACED: /);
    client.socket.destroy();
  }
});

for (const [what, statement] of [
  ['a comment before it', (token: string) => `/* a */ SET hauberk.txn_token = '${token}'`],
  ['a comment inside it', (token: string) => `SET /* a */ hauberk.txn_token = '${token}'`],
  ['a comment after it', (token: string) => `SET hauberk.txn_token = '${token}' -- a`],
  ['dollar quotes', (token: string) => `SET hauberk.txn_token = $$${token}$$`],
  ['an escape string', (token: string) => `SET hauberk.txn_token = E'${token}'`],
  ['two literals', (token: string) => `SET hauberk.txn_token = '${token.slice(0, 9)}'\n'${token.slice(9)}'`],
  ['a statement behind it', (token: string) => `SET hauberk.txn_token = '${token}'; SELECT 1`],
  ['a statement before it', (token: string) => `SELECT 1; SET hauberk.txn_token = '${token}'`],
] as const) {
  test(`the token's statement with ${what} is refused and not passed on`, async () => {
    const client = await open();
    const { token } = await bank.minters.token(ALICE);
    client.write(queryMessage('BEGIN'), queryMessage(statement(token)));
    await client.until(() => client.count('Z') === 3);
    assert.match(client.errors()[0] ?? '', /^DATABASE_CONTEXT_MISPLACED: /);
    client.write(queryMessage('ROLLBACK'), queryMessage('SELECT * FROM accounts'));
    await client.until(() => client.count('Z') === 5);
    assert.equal(rowsIn(client), 0);
    client.socket.destroy();
  });
}

test('messages of every type with bodies of garbage end a session or are errors; the gate serves on', async () => {
  for (const [index, type] of [...'QPBEDCSHFdcfX', ...'qpA\0\xff'].entries()) {
    for (const size of [0, 1, 7 + index]) {
      const client = await open();
      // Whatever the server makes of it, the Sync is answered, or the session has ended.
      client.write(message(type, randomBytes(size)), sync());
      await client.until(() => client.count('Z') > 1 || client.errors().length > 0);
      client.socket.destroy();
    }
  }
  const after = await bank.connect(ACCOUNTS);
  assert.equal((await asUser(bank, after, ALICE, () => after.query('SELECT * FROM accounts'))).rows.length, 2);
  await after.end();
});

for (const length of [0, 3, 16 * 1024 * 1024 + 5, 0x7fff_ffff, 0xffff_ffff]) {
  test(`a length of ${length} ends the session before its body is read`, async () => {
    const client = await open();
    client.write(Buffer.concat([Buffer.from('Q'), int32(length)]));
    await client.until(() => client.closed);
    assert.match(client.errors()[0] ?? '', /^LIMIT_EXCEEDED: /);
  });
}

test('messages that only a server or a starting client sends are refused', async () => {
  for (const type of ['p', 'Z', 'R', 'K', 'T', '\0']) {
    const client = await open();
    client.write(message(type, Buffer.from('x\0')));
    await client.until(() => client.closed);
    assert.match(client.errors()[0] ?? '', /^ARGUMENT_INVALID: /, type);
  }
});

test('a client that breaks off in the middle of a message, or in its transaction, leaves nothing behind', async () => {
  for (const half of [Buffer.from('Q'), queryMessage('SELECT pg_sleep(60)').subarray(0, 9)]) {
    const client = await open();
    await begin(client);
    client.write(half);
    client.socket.destroy();
  }
  const sql =
    "SELECT count(*)::int FROM pg_stat_activity WHERE usename LIKE 'bank_a_accounts@%' AND state LIKE 'idle in%'";
  const deadline = performance.now() + 10_000;
  while ((await askServer(bank, sql)) !== 0) assert.ok(performance.now() < deadline, 'sessions are left');
});
