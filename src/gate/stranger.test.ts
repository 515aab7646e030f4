import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import pg from 'pg';
import { createLog, type Fault, Lifecycle, silentLog, systemClock, systemRandom, toFault } from '#kernel';
import { ACCOUNTS, ALICE, asUser, connectTo, type House, openHouse, ROLES, SCHEMA } from './gate.harness.ts';
import { type RunningGate, startGate } from './index.ts';
import { openssl, type Stranger, startStranger, VERSIONS } from './stranger.harness.ts';

const lifecycle = new Lifecycle();
let house: House;
before(async () => {
  house = await openHouse(lifecycle);
});
after(() => lifecycle.close());

function open(connectionString: string, log = silentLog): Promise<RunningGate> {
  const database = { connectionString, name: 'bank', schema: SCHEMA };
  const document = { database: 'bank', credentialLifetimeSeconds: 900, roles: ROLES };
  const common = { workload: house.workload, clock: systemClock, random: systemRandom, log };
  return startGate({ listen: { host: '127.0.0.1', port: 0 }, database, document, ...common });
}

async function rowsThrough(gate: RunningGate): Promise<number> {
  const client = await connectTo(gate.port, await house.authorities.svid(ACCOUNTS));
  try {
    return await asUser(house, client, ALICE, async () => (await client.query('SELECT * FROM accounts')).rows.length);
  } finally {
    await client.end();
  }
}

for (const [version, bin] of VERSIONS) {
  test(`a stranger's PostgreSQL ${version}`, { skip: openssl }, async (t) => {
    const stranger = await startStranger(bin);
    try {
      await serves(t, stranger);
      await logsNoToken(t, stranger);
      if (bin === undefined) await refuses(t, stranger);
    } finally {
      await stranger.close();
    }
  });
}

async function serves(t: TestContext, stranger: Stranger): Promise<void> {
  await t.test('by TLS, as its superuser: the database is made, and the gate starts there again', async () => {
    for (const path of ['', 'postgres', 'bank']) {
      const gate = await open(stranger.url(stranger.superuser, path));
      assert.equal(await rowsThrough(gate), 2);
      await gate.close();
    }
  });

  await t.test(
    'as an owner who may create roles and is no superuser, in a database of another name, twice',
    async () => {
      await stranger.query("CREATE ROLE operator LOGIN CREATEROLE PASSWORD 'operators own'");
      await stranger.query('CREATE DATABASE theirs OWNER operator');
      // Roles of another administrator's gate are not the operator's to give away.
      for (const role of [...ROLES.map(({ role }) => role), 'bank_owner', 'hauberk_owner', 'hauberk_login'])
        await stranger.query(`DROP OWNED BY ${role}`);
      await stranger.query('DROP DATABASE bank');
      for (const role of [...ROLES.map(({ role }) => role), 'bank_owner', 'hauberk_owner', 'hauberk_login'])
        await stranger.query(`DROP ROLE ${role}`);
      for (const _ of [1, 2]) {
        const gate = await open(stranger.url('operator:operators%20own', 'theirs'));
        assert.equal(await rowsThrough(gate), 2);
        await gate.close();
      }
    },
  );

  await t.test('nobody but the gate comes in, and the gate has tried', async () => {
    const since = house.workload.receipts.length;
    const gate = await open(stranger.url('operator:operators%20own', 'theirs'));
    const tried = house.workload.receipts.slice(since).filter(({ code }) => code === 'DATABASE_DIRECT');
    assert.equal(tried.length, ROLES.length * 2);
    for (const user of ['bank_a_accounts', 'hauberk_owner', 'bank_owner', 'hauberk_login']) {
      const ssl = { rejectUnauthorized: false };
      const client = new pg.Client({
        ...{ host: 'localhost', port: stranger.postgres.port, database: 'theirs', ssl },
        ...{ user, password: 'guess' },
      });
      await assert.rejects(client.connect(), { code: '28P01' });
    }
    await gate.close();
  });

  await t.test('two gates side by side do not take each other’s credentials', async () => {
    const url = stranger.url('operator:operators%20own', 'theirs');
    const gates = [await open(url), await open(url)] as const;
    for (const _ of [1, 2]) for (const gate of gates) assert.equal(await rowsThrough(gate), 2);
    await gates[0].close();
    assert.equal(await rowsThrough(gates[1]), 2);
    await gates[1].close();
  });
}

/** The server logs every statement and every parameter, the gate everything that it has to say: no part of a token is in either. */
async function logsNoToken(t: TestContext, stranger: Stranger): Promise<void> {
  await t.test('no token reaches the log of the server, its activity, or the gate’s own log', async () => {
    for (const setting of [
      "log_statement = 'all'",
      "log_min_error_statement = 'debug5'",
      'log_parameter_max_length = -1',
    ])
      await stranger.query(`ALTER DATABASE theirs SET ${setting}`);
    const lines: string[] = [];
    const log = createLog({ level: 'debug', write: (line) => void lines.push(line) });
    const gate = await open(stranger.url('operator:operators%20own', 'theirs'), log);
    const tokens = [];
    const activity = [];
    for (const say of SAYINGS) {
      const client = await connectTo(gate.port, await house.authorities.svid(ACCOUNTS));
      const { token } = await house.minters.token(ALICE);
      tokens.push(token);
      await client.query('BEGIN');
      await say(client, token).catch(() => {});
      activity.push(await stranger.ask('SELECT string_agg(query, chr(10)) FROM pg_stat_activity'));
      await client.end();
    }
    await gate.close();
    const server = readFileSync(stranger.postgres.logFile, 'utf8');
    assert.match(server, /pg_current_xact_id/);
    assert.match(String(activity[0]), /SELECT 'seen'/);
    const all = [server, ...activity, ...lines, JSON.stringify(house.workload.receipts)].join('\n');
    for (const token of tokens) for (const part of token.split('.').slice(1)) assert.ok(!all.includes(part), 'a token');
  });
}

const SAYINGS: readonly ((client: pg.Client, token: string) => Promise<unknown>)[] = [
  async (client, token) => {
    await client.query(`SET hauberk.txn_token = '${token}'`);
    await client.query("SELECT 'seen'");
  },
  (client, token) => client.query(`SET hauberk.txn_token = '${token.slice(0, -2)}'`),
  (client, token) => client.query(`SELECT 1; SET hauberk.txn_token = '${token}'`),
  (client, token) => client.query(`SELECT set_config('hauberk.txn_token', $1, true)`, [token]),
  (client, token) => client.query({ name: 'set', text: `SET hauberk.txn_token = '${token}'` }),
  (client, token) => client.query(`SET "hauberk"."txn_token" = '${token}'`),
];

async function refuses(t: TestContext, stranger: Stranger): Promise<void> {
  const { superuser, otherCaFile, caFile } = stranger;
  const [, password = ''] = superuser.split(':');
  const secure = `?sslmode=verify-full&sslrootcert=${caFile}`;
  const wrong: readonly (readonly [what: string, url: string, code: string, sentence: RegExp])[] = [
    [
      'a wrong password',
      stranger.url('postgres:wrong', 'bank'),
      'CONFIG_INVALID',
      /does not take the password of "postgres"/,
    ],
    ['no password', stranger.url('postgres', 'bank'), 'CONFIG_INVALID', /does not take the password|cannot be reached/],
    [
      'a server that is away',
      'postgres://me:secret1@localhost:1/x',
      'DATABASE_UNAVAILABLE',
      /localhost:1 cannot be reached/,
    ],
    [
      'a host without address',
      'postgres://me:secret1@nowhere.invalid/x',
      'CONFIG_INVALID',
      /no address|cannot be reached/,
    ],
    [
      'no TLS where TLS is asked',
      stranger.url(superuser, 'bank', '?sslmode=disable'),
      'CONFIG_INVALID',
      /does not admit/,
    ],
    [
      'another authority',
      stranger.url(superuser, 'bank', `?sslmode=verify-full&sslrootcert=${otherCaFile}`),
      'CONFIG_INVALID',
      /sslrootcert/,
    ],
    ['no authority', stranger.url(superuser, 'bank', '?sslmode=require'), 'CONFIG_INVALID', /sslrootcert/],
    [
      'a host that the certificate does not name',
      stranger.url(superuser, 'bank', secure).replace('localhost', '127.0.0.1'),
      'CONFIG_INVALID',
      /does not name the host/,
    ],
    ['one who may nothing', stranger.url('nobody1:secret1', 'theirs'), 'CONFIG_INVALID', /neither a superuser nor/],
    ['a missing database', stranger.url('nobody1:secret1', 'missing'), 'CONFIG_INVALID', /"missing" is missing/],
  ];
  await stranger.query("CREATE ROLE nobody1 LOGIN PASSWORD 'secret1'; GRANT CONNECT ON DATABASE theirs TO nobody1");
  for (const [what, url, code, sentence] of wrong) {
    await t.test(`${what} is one sentence without the password`, async () => {
      const lines: string[] = [];
      const log = createLog({ write: (line: string) => void lines.push(line) });
      const fault: Fault | undefined = await open(url, log).then(() => undefined, toFault);
      assert.equal(fault?.code, code, fault?.message ?? 'it was let in');
      assert.match(fault?.message ?? '', sentence);
      const all = [fault?.message, JSON.stringify(fault?.details), ...lines].join('\n');
      assert.ok(![password, 'wrong', 'secret1'].some((secret) => all.includes(secret)), all);
    });
  }

  await t.test('only verify-ca takes a certificate that names another host', async () => {
    const gate = await open(
      stranger
        .url('operator:operators%20own', 'theirs', `?sslmode=verify-ca&sslrootcert=${caFile}`)
        .replace('localhost', '127.0.0.1'),
    );
    assert.equal(await rowsThrough(gate), 2);
    await gate.close();
  });

  await t.test('a server that admits without a password keeps the gate closed', async () => {
    // "peer" and "ident" look like this too: the server lets somebody in without SCRAM.
    await stranger.access('hostssl all +hauberk_login all trust');
    const fault = await open(stranger.url('operator:operators%20own', 'theirs')).then(() => undefined, toFault);
    assert.equal(fault?.code, 'CONFIG_INVALID');
    assert.match(fault?.message ?? '', /without its password/);
  });
}
