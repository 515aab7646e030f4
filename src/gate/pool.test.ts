// The SDK's pool of connections, before a real gate.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { ManualClock } from '#kernel';
import { pemCertificates } from '#x509';
import { createDatabase, type Database } from '../sdk/database.ts';
import { ACCOUNTS, ALICE, type Bank, openBank } from './gate.harness.ts';

let bank: Bank;
const clock = new ManualClock(0);
before(async () => {
  bank = await openBank();
});
after(() => bank.close());

async function open(): Promise<Database> {
  const { chain, privateKey } = await bank.authorities.svid(ACCOUNTS);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const dial = (): Promise<TLSSocket> =>
    new Promise((done, failed) => {
      const identity = { cert: pemCertificates([...chain]), key, rejectUnauthorized: false };
      const socket = connect({ host: '127.0.0.1', port: bank.gate.port, ALPNProtocols: ['postgresql'], ...identity });
      socket.once('secureConnect', () => done(socket));
      socket.once('error', failed);
    });
  return createDatabase({ database: 'bank', max: 1 }, dial, clock);
}

async function pidOf(database: Database): Promise<unknown> {
  const connection = await database.connect();
  const { rows } = await connection.query('SELECT pg_backend_pid() AS pid');
  connection.release();
  return rows[0]?.pid;
}

test('a connection is lent again while it is young, and not when its credential could end under a transaction', async () => {
  const database = await open();
  const first = await pidOf(database);
  clock.advance(5 * 60_000);
  assert.equal(await pidOf(database), first);
  clock.advance(60_000);
  assert.notEqual(await pidOf(database), first);
  await database.end();
});

test('a transaction that was left open is not the next borrower’s', async () => {
  const database = await open();
  const first = await database.connect();
  const { token } = await bank.minters.token(ALICE);
  await first.query('BEGIN');
  await first.query(`SET hauberk.txn_token = '${token}'`);
  assert.equal((await first.query('SELECT * FROM accounts')).rows.length, 2);
  first.release();
  const second = await database.connect();
  assert.equal((await second.query('SELECT * FROM accounts')).rows.length, 0);
  second.release();
  await database.end();
});

test('who waits for a connection is served when one is thrown away', async () => {
  const database = await open();
  const first = await database.connect();
  await first.query('BEGIN');
  const waiting = pidOf(database);
  first.release();
  assert.equal(typeof (await waiting), 'number');
  await database.end();
});
