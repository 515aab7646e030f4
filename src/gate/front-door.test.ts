import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import pg from 'pg';
import { faultCode, ManualClock, silentLog, systemClock } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import { pemCertificates } from '#x509';
import { Administrator } from './administrator.ts';
import { readDatabaseAddress } from './database-address.ts';
import {
  ACCOUNTS,
  ALICE,
  Authorities,
  askServer,
  asUser,
  type Bank,
  CAROL,
  connectTo,
  openBank,
  until,
} from './gate.harness.ts';
import { int32, SSL_REQUEST, startupMessage } from './messages.ts';

let bank: Bank;
before(async () => {
  bank = await openBank();
});
after(() => bank.close());

function lastReceipt(code: string, since: number): Promise<unknown> {
  return until(() => bank.workload.receipts.slice(since).find((receipt) => receipt.code === code));
}

async function rejectsWith(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (error) => {
    const { message, detail } = Object(error);
    assert.equal(String(message).split(':')[0], code);
    assert.match(String(detail), /^id [0-9a-f]{32}$/);
    return true;
  });
}

function open(port = bank.gate.port): Promise<Socket> {
  return new Promise((done, failed) => {
    const socket = connectTcp(port, '127.0.0.1', () => done(socket));
    socket.once('error', failed);
  });
}

function readAll(socket: Socket | TLSSocket): Promise<string> {
  return new Promise((done) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => done(text));
  });
}

test('a client without TLS is refused, and told so', async () => {
  const socket = await open();
  socket.write(startupMessage(new Map([['user', 'postgres']])));
  assert.match(await readAll(socket), /PEER_CERTIFICATE_MISSING/);
});

test('a client without a certificate is refused before it is read', async () => {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: bank.gate.port,
    user: 'x',
    database: 'bank',
    ssl: { rejectUnauthorized: false },
  });
  client.on('error', () => {});
  await rejectsWith(client.connect(), 'PEER_CERTIFICATE_MISSING');
});

test('a trust domain that is not trusted, and another authority of a trusted name, are refused', async () => {
  await rejectsWith(bank.connect('spiffe://elsewhere.example/account-service'), 'PEER_TRUST_DOMAIN_UNKNOWN');
  const impostors = new Authorities();
  const svid = await impostors.svid(ACCOUNTS);
  await rejectsWith(bank.connect(ACCOUNTS, { svid }), 'PEER_CHAIN_UNTRUSTED');
  await impostors.close();
});

test('bytes that follow the request for TLS in plain text end the connection', async () => {
  const socket = await open();
  socket.write(Buffer.concat([int32(8), int32(SSL_REQUEST), Buffer.from('stuffed')]));
  assert.equal(await readAll(socket), '');
});

test('a request for GSS encryption is answered no, and TLS may follow', async () => {
  const socket = await open();
  socket.write(Buffer.concat([int32(8), int32(80_877_104)]));
  const answer = await new Promise<Buffer>((done) => socket.once('data', done));
  assert.equal(answer.toString(), 'N');
  socket.write(Buffer.concat([int32(8), int32(SSL_REQUEST)]));
  const next = await new Promise<Buffer>((done) => socket.once('data', done));
  assert.equal(next.toString(), 'S');
  socket.destroy();
});

async function tlsOptions(spiffeId: string): Promise<{ cert: string; key: string; rejectUnauthorized: false }> {
  const svid = await bank.authorities.svid(spiffeId);
  const key = svid.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: pemCertificates([...svid.chain]), key, rejectUnauthorized: false };
}

async function direct(ALPNProtocols: string[] | undefined): Promise<TLSSocket> {
  const alpn = ALPNProtocols === undefined ? {} : { ALPNProtocols };
  const socket = connectTls({ host: '127.0.0.1', port: bank.gate.port, ...(await tlsOptions(ACCOUNTS)), ...alpn });
  await new Promise<void>((done, failed) => {
    socket.once('secureConnect', done);
    socket.once('error', failed);
  });
  return socket;
}

test('TLS may begin at once with ALPN postgresql, and not without it', async () => {
  const socket = await direct(['postgresql']);
  socket.write(
    startupMessage(
      new Map([
        ['user', 'x'],
        ['database', 'bank'],
      ]),
    ),
  );
  const answer = await new Promise<Buffer>((done) => socket.once('data', done));
  assert.equal(answer.toString('latin1', 0, 1), 'R');
  socket.destroy();
  const without = await direct(undefined);
  assert.equal(await readAll(without), '');
  await assert.rejects(direct(['http/1.1']));
});

for (const [name, bytes] of [
  ['longer than the limit', Buffer.concat([int32(20_000), int32(196_608)])],
  ['shorter than its head', Buffer.concat([int32(4), int32(196_608)])],
] as const) {
  test(`a startup message ${name} is refused`, async () => {
    const socket = await direct(['postgresql']);
    socket.write(bytes);
    assert.match(await readAll(socket), /LIMIT_EXCEEDED/);
  });
}

for (const [name, value] of [
  ['options', '-c role=postgres'],
  ['role', 'postgres'],
  ['hauberk.context', 'x'],
  ['replication', 'database'],
  ['search_path', 'x'],
] as const) {
  test(`the startup setting ${name} is refused`, async () => {
    const socket = await direct(['postgresql']);
    socket.write(
      startupMessage(
        new Map([
          ['user', 'x'],
          ['database', 'bank'],
          [name, value],
        ]),
      ),
    );
    assert.match(await readAll(socket), /ARGUMENT_INVALID/);
  });
}

test('a message longer than the limit ends the session before it is read', async () => {
  const socket = await direct(['postgresql']);
  socket.write(
    startupMessage(
      new Map([
        ['user', 'x'],
        ['database', 'bank'],
      ]),
    ),
  );
  await new Promise<Buffer>((done) => socket.once('data', done));
  socket.write(Buffer.concat([Buffer.from('Q'), int32(17 * 1024 * 1024)]));
  assert.match(await readAll(socket), /LIMIT_EXCEEDED/);
});

test('a login past the gate leaves a denial', async () => {
  const since = bank.workload.receipts.length;
  const { socketDir: host, port } = bank.postgres;
  for (const user of ['postgres', 'bank_a_accounts', 'nobody_known']) {
    const client = new pg.Client({ host, port, user, database: 'bank', password: 'guess' });
    await assert.rejects(client.connect(), { code: '28P01' });
  }
  await until(() => bank.workload.receipts.slice(since).filter(({ code }) => code === 'DATABASE_DIRECT').length === 3);
});

test('nothing listens but the socket', async () => {
  const client = new pg.Client({ host: '127.0.0.1', port: bank.postgres.port, user: 'postgres', password: 'guess' });
  await assert.rejects(client.connect());
});

test('the passwords of roles are not kept by the server in plain text and end in 15 minutes', async () => {
  const client = await bank.connect(ACCOUNTS);
  const { postgres } = bank;
  const config = {
    socketDir: postgres.socketDir,
    port: postgres.port,
    user: postgres.superuser,
    passwordFile: postgres.passwordFile,
    name: 'bank',
  };
  const administrator = new Administrator(readDatabaseAddress(config), silentLog);
  const sql =
    "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' AS hashed, rolvaliduntil - now() <= interval '15 min' AS short, NOT (rolsuper OR rolbypassrls OR rolcreaterole) AS bare FROM pg_authid WHERE rolname LIKE 'bank_a_accounts@%'";
  assert.deepEqual(await administrator.query(sql), [{ hashed: true, short: true, bare: true }]);
  await administrator.close();
  await client.end();
});

test('a session ends when its credential expires, and the next has a new one', async () => {
  const clock = new ManualClock(systemClock.now());
  const gate = await bank.another({ lifetimeSeconds: 60, clock });
  const svid = await bank.authorities.svid(ACCOUNTS);
  const first = await connectTo(gate.port, svid);
  clock.advance(31_000);
  const second = await connectTo(gate.port, svid);
  const ended = new Promise<unknown>((done) => first.once('error', done));
  clock.advance(29_500);
  await rejectsWith(
    ended.then((error) => Promise.reject(error)),
    'DATABASE_CREDENTIAL_EXPIRED',
  );
  assert.match((await second.query('SELECT current_user AS me')).rows[0]?.me, /^bank_a_accounts@[0-9a-f]{16}$/);
  await second.end();
  await gate.close();
});

test("a session ends when its client's certificate expires", async () => {
  const svid = await bank.authorities.svid(ACCOUNTS, 2);
  const client = await bank.connect(ACCOUNTS, { svid });
  const ended = new Promise<unknown>((done) => client.once('error', done));
  await rejectsWith(
    ended.then((error) => Promise.reject(error)),
    'PEER_CERTIFICATE_EXPIRED',
  );
  await rejectsWith(bank.connect(ACCOUNTS, { svid }), 'PEER_CERTIFICATE_EXPIRED');
});

test('a session ends when its workload is revoked, or its trust domain no longer trusted', async () => {
  for (const [change, undo, code] of [
    [
      () => void bank.workload.revocations.push({ kind: 'workload', value: ACCOUNTS, revokedAt: 0 }),
      () => void bank.workload.revocations.pop(),
      'PEER_REVOKED',
    ],
    [
      () => void bank.workload.trusted.splice(bank.workload.trusted.indexOf('bank-a'), 1),
      () => void bank.workload.trusted.push('bank-a'),
      'PEER_TRUST_DOMAIN_UNKNOWN',
    ],
  ] as const) {
    const client = await bank.connect(ACCOUNTS);
    const ended = new Promise<unknown>((done) => client.once('error', done));
    change();
    bank.workload.changed();
    await rejectsWith(
      ended.then((error) => Promise.reject(error)),
      code,
    );
    await rejectsWith(bank.connect(ACCOUNTS), code);
    undo();
  }
});

test('a token of a revoked user is refused', async () => {
  const client = await bank.connect(ACCOUNTS);
  bank.workload.revocations.push({ kind: 'user', value: ALICE, revokedAt: Math.floor(systemClock.now() / 1000) + 5 });
  await rejectsWith(
    asUser(bank, client, ALICE, async () => {}),
    'TOKEN_REVOKED',
  );
  bank.workload.revocations.pop();
  await client.end();
});

test('a session whose transaction a revoked user, session or txn stands behind is ended, one of another user goes on', async () => {
  for (const [kind, value, ends] of [
    ['user', ALICE, true],
    ['session', 's', true],
    ['user', CAROL, false],
  ] as const) {
    const client = await bank.connect(ACCOUNTS);
    const ended = new Promise<unknown>((done) => client.once('error', done));
    const revokedAt = Math.floor(systemClock.now() / 1000) + 5;
    const work = asUser(bank, client, ALICE, async () => {
      bank.workload.revocations.push({ kind, value, revokedAt });
      bank.workload.changed();
      if (ends) throw await ended;
      await client.query('SELECT 1');
    });
    if (ends) await rejectsWith(work, 'TOKEN_REVOKED');
    else await work;
    bank.workload.revocations.pop();
    await client.end();
  }
});

test('a client that reads nothing holds back the database, not the memory of the gate', async () => {
  const socket = await direct(['postgresql']);
  socket.write(
    startupMessage(
      new Map([
        ['user', 'x'],
        ['database', 'bank'],
      ]),
    ),
  );
  await new Promise<Buffer>((done) => socket.once('data', done));
  socket.pause();
  const before = process.memoryUsage().external;
  const sql = "SELECT repeat('x', 1000) FROM generate_series(1, 500000)\0";
  socket.write(Buffer.concat([Buffer.from('Q'), int32(sql.length + 4), Buffer.from(sql)]));
  const end = performance.now() + 1000;
  await until(() => performance.now() > end);
  assert.ok(process.memoryUsage().external - before < 100_000_000);
  socket.destroy();
});

const psql = '/usr/bin/psql';
const skip = existsSync(psql) ? false : 'psql is not installed: install postgresql-client to run this test';

async function psqlEnvironment(): Promise<NodeJS.ProcessEnv> {
  const { cert, key } = await tlsOptions(ACCOUNTS);
  const [certFile, keyFile] = [join(bank.dir, 'psql.crt'), join(bank.dir, 'psql.key')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  return {
    PATH: process.env.PATH,
    PGHOST: '127.0.0.1',
    PGPORT: `${bank.gate.port}`,
    PGDATABASE: 'bank',
    PGUSER: 'me',
    PGSSLMODE: 'require',
    PGSSLCERT: certFile,
    PGSSLKEY: keyFile,
  };
}

test('psql sees own rows only', { skip }, async () => {
  const { token } = await bank.minters.token(ALICE);
  const commands = ['BEGIN', `SET hauberk.txn_token = '${token}'`, 'SELECT id FROM accounts ORDER BY id', 'COMMIT'];
  const env = await psqlEnvironment();
  const args = ['-X', '-A', '-t', '-q', ...commands.flatMap((command) => ['-c', command])];
  const { stdout } = await promisify(execFile)(psql, args, { env });
  assert.equal(stdout, 'a-1001\na-1002\n');
  const without = await promisify(execFile)(psql, ['-X', '-A', '-t', '-c', 'SELECT id FROM accounts'], { env });
  assert.equal(without.stdout, '');
  assert.match(without.stderr, /DATABASE_NO_CONTEXT/);
});

test('Ctrl-C in psql reaches the server', { skip }, async () => {
  const since = performance.now();
  const child = spawn(psql, ['-X', '-c', 'SELECT pg_sleep(60)'], { env: await psqlEnvironment() });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  const closed = new Promise((done) => child.once('close', done));
  const sql = "SELECT count(*)::int FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'";
  while ((await askServer(bank, sql)) === 0) assert.ok(performance.now() - since < 20_000, 'it does not run');
  child.kill('SIGINT');
  await closed;
  assert.match(said, /canceling statement due to user request/);
  assert.ok(performance.now() - since < 20_000);
});

test('an occupied port is named', async () => {
  const { postgres } = bank;
  const { startGate } = await import('./index.ts');
  const work = startGate({
    listen: { host: '127.0.0.1', port: bank.gate.port },
    database: {
      socketDir: postgres.socketDir,
      port: postgres.port,
      user: postgres.superuser,
      passwordFile: postgres.passwordFile,
      name: 'bank',
    },
    document: { database: 'bank', credentialLifetimeSeconds: 900, roles: [] },
    workload: bank.workload,
    clock: systemClock,
    random: { bytes: (length) => Buffer.alloc(length, 7) },
    log: silentLog,
  });
  await assert.rejects(work, (error) => faultCode(error) === 'PORT_OCCUPIED');
});

test('a table that a role may read without forced row-level security keeps the gate closed', async () => {
  const { postgres } = bank;
  const schema = join(bank.dir, 'gap.sql');
  writeFileSync(schema, 'CREATE TABLE IF NOT EXISTS open_table (x int); GRANT SELECT ON open_table TO bank_a_users;');
  const { startGate } = await import('./index.ts');
  const work = startGate({
    listen: { host: '127.0.0.1', port: 0 },
    database: {
      socketDir: postgres.socketDir,
      port: postgres.port,
      user: postgres.superuser,
      passwordFile: postgres.passwordFile,
      name: 'other',
      schema,
    },
    document: {
      database: 'other',
      credentialLifetimeSeconds: 900,
      roles: [{ spiffeId: ACCOUNTS, role: 'bank_a_users' }],
    },
    workload: bank.workload,
    clock: systemClock,
    random: { bytes: (length) => Buffer.alloc(length, 9) },
    log: silentLog,
  });
  await assert.rejects(work, (error) => faultCode(error) === 'CONFIG_INVALID');
});

test('an administrator is no role for a workload', async () => {
  const { postgres } = bank;
  const { startGate } = await import('./index.ts');
  const work = startGate({
    listen: { host: '127.0.0.1', port: 0 },
    database: {
      connectionString: `postgres://postgres:${readFileSync(postgres.passwordFile, 'utf8')}@${encodeURIComponent(postgres.socketDir)}:${postgres.port}/x`,
      name: 'other',
    },
    document: {
      database: 'other',
      credentialLifetimeSeconds: 900,
      roles: [{ spiffeId: ACCOUNTS, role: 'postgres' }],
    },
    workload: bank.workload,
    clock: systemClock,
    random: { bytes: (length) => Buffer.alloc(length, 11) },
    log: silentLog,
  });
  await assert.rejects(
    work,
    (error) => faultCode(error) === 'CONFIG_INVALID' && String(error).includes('administrator'),
  );
});

test('when the database is killed and started again the gate goes on', async () => {
  const client = await bank.connect(ACCOUNTS);
  const ended = new Promise((done) => client.once('end', done));
  process.kill(bank.postgres.pid, 'SIGKILL');
  await ended;
  await bank.postgres.close();
  await rejectsWith(bank.connect(ACCOUNTS), 'DATABASE_UNAVAILABLE');
  const again = await startPostgres({ dir: join(bank.dir, 'pg'), log: silentLog });
  const next = await bank.connect(ACCOUNTS);
  const seen = await asUser(bank, next, ALICE, () => next.query('SELECT * FROM accounts'));
  assert.equal(seen.rows.length, 2);
  await next.end();
  const other = await bank.connect('spiffe://bank-a/user-service');
  await other.end();
  await again.close();
});

test('a receipt of a refused client names the peer that was proven', async () => {
  const since = bank.workload.receipts.length;
  await rejectsWith(bank.connect('spiffe://bank-a/api-gateway'), 'DATABASE_ROLE_UNMAPPED');
  assert.equal(Object(await lastReceipt('DATABASE_ROLE_UNMAPPED', since)).peer, 'spiffe://bank-a/api-gateway');
});
